"""What the word counts in Python share: the words of a text, and the form in which they are handed in."""

from collections import Counter

import regex

# What a letter is to the exercise. `str.isalpha` and `\w` mean other sets of characters.
WORD = regex.compile(r"\p{Alphabetic}+")


def count(text):
    """The words of a text as they are written. Those in lower case are fewer, so the case is for `lowered`."""
    return Counter(WORD.findall(text))


def lowered(counts):
    """The same counts by the words in lower case."""
    merged = Counter()
    for word, times in counts.items():
        merged[word.lower()] += times
    return merged


def write(counts, file):
    """A line for each word: the word, a tab, how often."""
    with open(file, "w", encoding="utf-8") as file:
        file.writelines(f"{word}\t{times}\n" for word, times in counts.items())
