#!/bin/sh
# Calls the compiler (its path is the first word), without instrumentation unless the crate reads outside bytes. Coverage of all crates is 700,000
# counters, which are looked through after every input, and compares that are noted in loops of parsers: it makes an execution five times as long.
instrumented=' retally retally_fuzz retally_manifests retally_metrics retally_suites retally_submissions retally_leaderboard
 attention benchmark bundle cells chunk idx image judge_reply manifest npy npz onnx run safetensors signature suite tar work_list
 base64 csv csv_core miniz_oxide npyz png py_literal serde_json toml toml_parser winnow zip '

crate=''
previous=''
for word in "$@"; do
    [ "$previous" = --crate-name ] && crate=$word
    previous=$word
done
case $instrumented in
    *" $crate "*|*"
 $crate "*|*" $crate
"*) exec "$@" ;;
esac

# The words, one by one: those of the instrumentation are left out.
count=$#
while [ "$count" -gt 0 ]; do
    word=$1
    shift
    count=$((count - 1))
    case $word in
        -Cpasses=sancov-module|-Cllvm-args=-sanitizer-coverage-*) ;;
        *) set -- "$@" "$word" ;;
    esac
done
exec "$@"
