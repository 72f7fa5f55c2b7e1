# shellcheck shell=sh
# Sourced by the entry scripts of the platforms. Set by whoever builds the image:
#   RACECOURSE            the folder of the course, which the grader was built in
#   RACECOURSE_GRADER     the grader; else target/release/xtask of the course
#   RACECOURSE_EXERCISES  the exercises to grade, by name; else every one that was touched
#   RACECOURSE_SECONDS    after so many seconds grading is stopped, which is a fault and no score

# grade FORMAT SUBMISSION OUT: writes the grade of a folder into another. Afterwards $why is empty, or says what went wrong.
# The grader's own words are in OUT/log: they are the instructor's.
grade() {
    format=$1 submission=$2 out=$3 why='' limit=${RACECOURSE_SECONDS:-1200}
    set --
    # Names of exercises hold no spaces.
    for exercise in ${RACECOURSE_EXERCISES:-}; do
        set -- "$@" --exercise "$exercise"
    done
    grader=${RACECOURSE_GRADER:-$RACECOURSE/target/release/xtask}
    code=0 began=$(date +%s)
    # In the course's folder, not in the submission's: the grader takes the course that it stands in.
    (
        cd "$RACECOURSE" || exit 3
        exec timeout --kill-after=10 "$limit" \
            "$grader" grade --submission "$submission" --out "$out" --format "$format" "$@"
    ) </dev/null >"$out/log" 2>&1 || code=$?
    took=$(($(date +%s) - began))
    # 137 is also what the kernel leaves of a grader that takes all memory.
    if [ "$code" = 124 ] || { [ "$code" = 137 ] && [ "$took" -ge "$limit" ]; }; then
        why="grading took longer than $limit s and was stopped"
    elif [ "$code" -gt 1 ]; then
        # shellcheck disable=SC2034 # whoever sources this reads it
        why="the grader ended with code $code"
    fi
}
