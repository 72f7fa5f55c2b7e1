//! A program that tries one thing and says what came of it: in safe Rust and std, as a submission would.

use std::{
    env, fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio, exit},
    thread,
    time::Duration,
};

fn told<T>(result: std::io::Result<T>) -> String {
    result.map_or_else(|error| format!("refused: {error}"), |_| "done".into())
}

fn start_again(arguments: &[&str]) -> std::io::Result<std::process::Child> {
    let own = env::current_exe()?;
    Command::new(own).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Speaks to itself by the loopback interface.
fn loopback() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut one = TcpStream::connect(listener.local_addr()?)?;
    one.write_all(b"x")?;
    listener.accept()?.0.read_exact(&mut [0])
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["read", path] => println!("{}", told(fs::File::open(path).and_then(|mut file| file.read(&mut [0; 64])))),
        ["list", path] => println!("{}", told(fs::read_dir(path))),
        ["write", path] => println!("{}", told(fs::write(path, "x"))),
        ["connect", address] => println!("{}", told(TcpStream::connect_timeout(&address.parse().unwrap(), Duration::from_secs(2)))),
        // Nothing is sent: the kernel looks for a way there, and that is all.
        ["udp", address] => println!("{}", told(UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect(address)))),
        ["loopback"] => println!("{}", told(loopback())),
        ["environment"] => env::vars().for_each(|(name, value)| println!("{name}={value}")),
        ["about"] => {
            let cores = thread::available_parallelism().map_or(0, usize::from);
            let sum: usize = (0..8).map(|n| thread::spawn(move || n)).map(|thread| thread.join().unwrap()).sum();
            let file = env::temp_dir().join("note");
            fs::write(&file, "x").unwrap();
            println!("{} {cores} {sum} {}", env::current_exe().unwrap().display(), fs::read_to_string(file).unwrap());
        }
        ["stdin"] => println!("{}", std::io::read_to_string(std::io::stdin()).unwrap()),
        ["code", code] => exit(code.parse().unwrap()),
        ["like-bwrap"] => {
            eprintln!("bwrap: no luck");
            exit(1)
        }
        ["like-a-stage"] => {
            eprintln!("{}: no luck", env::var("RACECOURSE_WITHIN").unwrap_or_default());
            exit(125)
        }
        ["abort"] => std::process::abort(),
        ["sleep"] => thread::sleep(Duration::from_secs(1000)),
        ["fork", most] => {
            let mut children = Vec::new();
            let most: usize = most.parse().unwrap();
            while children.len() < most {
                match start_again(&["sleep"]) {
                    Ok(child) => children.push(child),
                    Err(error) => {
                        println!("{} refused: {error}", children.len());
                        exit(0)
                    }
                }
            }
            println!("{} done", children.len());
        }
        ["fork-and-hang", most] => {
            let _children: Vec<_> = (0..most.parse().unwrap()).map_while(|_| start_again(&["sleep"]).ok()).collect();
            thread::sleep(Duration::from_secs(1000));
        }
        ["end-the-parent"] => {
            let command = format!("kill -TERM {}", std::os::unix::process::parent_id());
            println!("{}", told(Command::new("/bin/sh").args(["-c", &command]).stderr(Stdio::null()).status()));
            thread::sleep(Duration::from_millis(300));
        }
        ["close", path] => println!("{}", told(fs::set_permissions(path, fs::Permissions::from_mode(0)))),
        ["reserve", mebibytes] => {
            let bytes = mebibytes.parse::<usize>().unwrap() << 20;
            println!("{}", Vec::<u8>::new().try_reserve_exact(bytes).map_or("refused", |()| "done"));
        }
        ["memory", mebibytes, and_then] => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            for _ in 0..mebibytes.parse::<usize>().unwrap() {
                all.push(vec![1; 1 << 20]);
                // Slowly: whoever looks on is to see it before the machine feels it.
                thread::sleep(Duration::from_millis(2));
            }
            if and_then == "stay" {
                thread::sleep(Duration::from_secs(1000));
            }
            println!("done {}", all.len());
        }
        ["memory-of-many", children, mebibytes] => {
            let children: Vec<_> =
                (0..children.parse::<usize>().unwrap()).map(|_| start_again(&["memory", mebibytes, "stay"])).collect();
            thread::sleep(Duration::from_secs(4));
            println!("done {}", children.len());
        }
        ["disk", folder, files, mebibytes] => {
            let chunk = vec![1; 1 << 20];
            for file in 0..files.parse::<usize>().unwrap() {
                let mut file = fs::File::create(format!("{folder}/{file}")).unwrap();
                for _ in 0..mebibytes.parse::<usize>().unwrap() {
                    if let Err(error) = file.write_all(&chunk) {
                        println!("refused: {error}");
                        exit(0);
                    }
                    thread::sleep(Duration::from_millis(2));
                }
            }
            println!("done");
        }
        ["daemon", note, word] => {
            let own = env::current_exe().unwrap();
            // Twice, the second time as the child of a child: out of the session and the group, and nobody's child.
            let mut command = Command::new("setsid");
            command.arg("--fork").arg(own).args(["linger", note, word]).env_clear();
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            println!("{}", told(command.status()));
            while !fs::exists(note).unwrap() {
                thread::sleep(Duration::from_millis(1));
            }
        }
        ["daemon-and-hang", note, word] => {
            start_again(&["daemon", note, word]).unwrap().wait().unwrap();
            thread::sleep(Duration::from_secs(1000));
        }
        ["linger", note, _word] => loop {
            fs::write(note, "x").unwrap();
            thread::sleep(Duration::from_millis(5));
        },
        ["signal", process] => {
            let status = Command::new("/bin/sh").args(["-c", "kill -0 \"$0\"", process]).status();
            println!("{}", if status.is_ok_and(|status| status.success()) { "done" } else { "refused" });
        }
        _ => panic!("what is {arguments:?}?"),
    }
}
