// libstdc++'s parallel mode: `std::sort` on OpenMP threads (Singler, Sanders and Putze: MCSTL, Euro-Par 2007).
//
// Speaks the workload protocol, as lab/src/workload.rs documents it, with just as much of JSON as the runner's requests need.

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

// The value of a field: a string without its quotes, or a number's digits. Escapes in paths are undone.
static std::string field(const std::string &line, const std::string &name) {
    auto place = line.find("\"" + name + "\":");
    if (place == std::string::npos) return "";
    place += name.size() + 3;
    std::string value;
    if (line[place] != '"') {
        while (place < line.size() && isdigit(line[place])) value += line[place++];
        return value;
    }
    while (++place < line.size() && line[place] != '"') {
        if (line[place] == '\\') ++place;
        value += line[place];
    }
    return value;
}

int main() {
    std::vector<uint64_t> input, keys;
    std::string line, read_from, output;
    while (std::getline(std::cin, line)) {
        const auto op = field(line, "op");
        if (op == "hello") {
            std::cout << "{\"peer\":{\"protocol\":1,\"version\":\"g++ " << __VERSION__
                      << ", OpenMP " << _OPENMP << "\"}}" << std::endl;
        } else if (op == "prepare") {
            omp_set_num_threads(std::stoi(field(line, "threads")));
            output = field(line, "output");
            if (const auto file = field(line, "input"); file != read_from) {
                input.resize(std::stoull(field(line, "size")));
                std::ifstream stream(file, std::ios::binary);
                stream.read(reinterpret_cast<char *>(input.data()), input.size() * sizeof(uint64_t));
                read_from = file;
            }
            keys = input;
            // The threads stand before the clock starts.
#pragma omp parallel
            {
            }
            std::cout << "{\"prepared\":{\"pid\":" << getpid() << "}}" << std::endl;
        } else if (op == "go") {
            std::sort(keys.begin(), keys.end());
            std::cout << "{\"done\":{}}" << std::endl;
            std::ofstream stream(output, std::ios::binary);
            stream.write(reinterpret_cast<const char *>(keys.data()), keys.size() * sizeof(uint64_t));
            stream.close();
            std::cout << "{\"written\":{}}" << std::endl;
        } else if (op == "quit") {
            break;
        } else {
            std::cout << "{\"error\":\"no such request\"}" << std::endl;
        }
    }
}
