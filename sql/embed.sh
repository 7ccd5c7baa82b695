#!/bin/sh
# usage: embed.sh NNNN-name.sql ...
# Prints a C source that defines db_migrations and db_migration_count (common/db/migrations.h). The texts are byte
# arrays, because C guarantees only 4095 bytes for a string literal. The files must be numbered 1, 2, 3 ... in order.
set -eu

fail() {
    echo "embed.sh: $*" >&2
    exit 1
}

[ $# -gt 0 ] || fail "no migration given"

version=0
rows=
printf '#include "common/db/migrations.h"\n'
for file in "$@"; do
    version=$((version + 1))
    name=$(basename "$file" .sql)
    case $name in
    *[!a-z0-9_-]*) fail "$file: only a-z, 0-9, - and _ may stand in the name" ;;
    esac
    expected=$(printf '%04d' "$version")
    [ "${name%%-*}" = "$expected" ] || fail "$file: the number should be $expected"
    [ -s "$file" ] || fail "$file: missing or empty"
    printf '\nstatic const unsigned char sql_%s[] = {\n' "$expected"
    od -An -v -tx1 "$file" | sed 's/[0-9a-f][0-9a-f]/0x&,/g'
    printf '0x00};\n'
    rows="$rows    {$version, \"$name\", (const char *)sql_$expected},
"
done
printf '\nconst struct db_migration db_migrations[] = {\n%s};\n' "$rows"
printf 'const size_t db_migration_count = %d;\n' "$version"
