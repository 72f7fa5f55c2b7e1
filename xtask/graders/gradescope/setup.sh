#!/bin/sh
# Builds the image: the course is in the folder `course` beside this script, and exercises.txt names what is graded.
# Wants Ubuntu 24.04 or newer, whose packages have rustup.
set -eu
here=${AUTOGRADER:-/autograder}/source
apt-get update
apt-get install -y --no-install-recommends build-essential bubblewrap ca-certificates rustup
cd "$here/course"
# The toolchain that the course names.
rustup toolchain install
cargo build --release --package xtask
# Everything that a submission is built with is built once, here: grading needs no network.
while read -r exercise; do
    # The starter is handed in, which fails with code 1. Its folder is below one of the tracks.
    target/release/xtask grade --submission exercises/*/"$exercise" --exercise "$exercise" --out warm </dev/null || [ $? -eq 1 ]
done <"$here/exercises.txt"
rm -rf warm
