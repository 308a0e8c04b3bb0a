#!/bin/sh
# Calls the compiler (its path is the first word), with instrumentation only where the crate reads outside bytes. Coverage of all crates is
# 700,000 counters, which are looked through after every input: an execution takes five times as long. Libraries that parse count their
# edges but do not tell of every comparison, which in the loops of parsers takes as long as all else. (The libraries `image` and `tar` have
# the names of targets and are taken for them.)
own=' retally retally_manifests retally_metrics retally_suites retally_submissions
 attention benchmark bundle cells chunk idx image judge_reply manifest npy npz onnx run safetensors signature suite tar work_list '
parsers=' base64 csv miniz_oxide npyz png py_literal serde_json toml toml_parser winnow zip '

crate=''
previous=''
for word in "$@"; do
    [ "$previous" = --crate-name ] && crate=$word
    previous=$word
done
case $own in
    *[[:space:]]"$crate"[[:space:]]*) exec "$@" ;;
esac
case $parsers in
    *[[:space:]]"$crate"[[:space:]]*) is_parser=yes ;;
    *) is_parser= ;;
esac

# The words, one by one: those that are not wanted are left out.
count=$#
while [ "$count" -gt 0 ]; do
    word=$1
    shift
    count=$((count - 1))
    case $word in
        -Cllvm-args=-sanitizer-coverage-trace-compares) ;;
        -Cpasses=sancov-module|-Cllvm-args=-sanitizer-coverage-*) [ -n "$is_parser" ] && set -- "$@" "$word" ;;
        *) set -- "$@" "$word" ;;
    esac
done
exec "$@"
