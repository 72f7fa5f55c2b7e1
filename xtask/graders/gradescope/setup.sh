#!/bin/sh
# Builds the image: the course is in the folder `course` beside this script, and exercises.txt names what is graded.
# Wants Ubuntu 24.04 or newer, whose packages have rustup.
set -eu
here=${AUTOGRADER:-/autograder}/source
apt-get update
apt-get install -y --no-install-recommends build-essential bubblewrap ca-certificates rustup
cd "$here/course"
rustup toolchain install stable --profile minimal --component clippy,rust-docs
rustup default stable
cargo build --release --package xtask
# Everything that a submission is built with is built once, here: grading needs no network.
# Names of exercises hold no spaces.
# shellcheck disable=SC2013
for exercise in $(cat "$here/exercises.txt"); do
    # The starter is handed in, which fails with code 1. Its folder is below one of the tracks.
    target/release/xtask grade --submission exercises/*/"$exercise" --exercise "$exercise" --out warm </dev/null || [ $? -eq 1 ]
done
rm -rf warm
