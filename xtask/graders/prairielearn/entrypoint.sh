#!/bin/sh
# Grades what was handed in. Whatever happens, results.json is there afterwards: where grading failed it uses up no attempt.
# In info.json: "externalGradingOptions": {"enabled": true, "image": .., "entrypoint": .., "timeout": 600,
# "environment": {"RACECOURSE_EXERCISES": "spin_lock"}}. The image holds the course, built, where RACECOURSE says.
set -u
grade_root=${GRADE:-/grade}
results=$grade_root/results

# A whole file or none; $1 holds no quotes.
explain() {
    sentence="Grading failed, by no fault of this submission: $1. No attempt was used up."
    printf '{"gradable": false, "message": "%s", "format_errors": ["%s"]}\n' "$sentence" "$sentence" >"$results/.new" &&
        mv -f "$results/.new" "$results/results.json"
}

mkdir -p "$results"
# Said first: nothing that ends this script, kill -9 included, can leave no file behind.
explain 'grading did not come to its end'
out=$(mktemp -d) || exit 1

# A file upload has no folders: lib.rs is src/lib.rs.
submission=$grade_root/student
if [ -f "$submission/lib.rs" ] && [ ! -e "$submission/src" ]; then
    mkdir -p "$out/submission/src"
    cp -P "$submission"/*.rs "$out/submission/src/"
    submission=$out/submission
fi

RACECOURSE=${RACECOURSE:-/racecourse}
# PrairieLearn itself stops the container after at most 600 s.
: "${RACECOURSE_SECONDS:=540}"
export CARGO_NET_OFFLINE=true
# shellcheck source=grade.sh
. "$RACECOURSE/xtask/graders/grade.sh"
grade prairielearn "$submission" "$out"
cat "$out/log"

# A grader that failed and could say why has said it in this file.
if [ -s "$out/prairielearn/results.json" ] && { [ -z "$why" ] || [ "$code" = 3 ]; }; then
    cp "$out/prairielearn/results.json" "$results/.new" && mv -f "$results/.new" "$results/results.json"
else
    explain "${why:-the grader wrote no grade}"
fi
rm -rf "$out"
