#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/graphql_fixture.h"

#include <cmocka.h>

/* Documents and variables that do not fit the schema. */

static void selections_must_fit_the_types(void **state)
{
    expect_errors(
        *state, "{bogus item {worse}}", NULL,
        "\"Cannot query field 'bogus' on type 'Query'.\",\"Cannot query field 'worse' on type 'Item'.\"");
    expect_errors(*state, "{tell {a}}", NULL,
                  "\"Field 'tell' must not have a selection since type 'String' has no subfields.\"");
    expect_errors(
        *state, "{items}", NULL,
        "\"Field 'items' of type 'Item' must have a selection of subfields. Did you mean 'items { ... "
        "}'?\"");
    expect_errors(*state, "{__typename {a}}", NULL,
                  "\"Field '__typename' must not have a selection since type 'String!' has no subfields.\"");
}

static void fragments_must_exist_fit_and_be_used(void **state)
{
    expect_errors(*state, "{...F}", NULL, "\"Unknown fragment 'F'.\"");
    expect_errors(
        *state, "{...F} fragment F on Item {name}", NULL,
        "\"Fragment 'F' cannot be spread here as objects of type 'Query' can never be of type 'Item'.\"");
    expect_errors(
        *state, "{item {... on Query {tell}}}", NULL,
        "\"Fragment cannot be spread here as objects of type 'Item' can never be of type 'Query'.\"");
    expect_errors(*state, "{... on None {a}}", NULL, "\"Unknown type 'None'.\"");
    expect_errors(*state, "{tell} fragment F on Item {name}", NULL, "\"Fragment 'F' is never used.\"");
    expect_errors(*state, "{...F} fragment F on Query {item {...G}} fragment G on Item {item {...G}}", NULL,
                  "\"Cannot spread fragment 'G' within itself.\"");
    expect_errors(*state, "{...F} fragment F on Query {tell} fragment F on Query {tell}", NULL,
                  "\"There can be only one fragment named 'F'.\",\"Fragment 'F' is never used.\"");
}

static void one_key_must_be_one_thing(void **state)
{
    expect_errors(
        *state, "{item {a: name a: kind}}", NULL,
        "\"Fields 'a' conflict because 'name' and 'kind' are different fields. Use different aliases on "
        "the fields to fetch both if this was intentional.\"");
    expect_errors(
        *state, "{tell(text: \"a\") tell}", NULL,
        "\"Fields 'tell' conflict because they have differing arguments. Use different aliases on the "
        "fields to fetch both if this was intentional.\"");
    expect(*state, "{tell(text: \"a\", number: 1) tell(number: 1, text: \"a\")}", NULL,
           "{\"data\":{\"tell\":\"text: string a, number: int 1\"},\"errors\":null}");
}

static void arguments_must_be_of_their_types(void **state)
{
    expect_errors(*state, "{tell(text: 5)}", NULL, "\"String cannot represent a non string value: 5\"");
    expect_errors(*state, "{tell(number: 2147483648)}", NULL,
                  "\"Int cannot represent non 32-bit signed integer value: 2147483648\"");
    expect_errors(*state, "{tell(number: \"1\")}", NULL,
                  "\"Int cannot represent non-integer value: \\\"1\\\"\"");
    expect_errors(*state, "{tell(number: 1.0)}", NULL, "\"Int cannot represent non-integer value: 1.0\"");
    expect_errors(*state, "{tell(truth: 1)}", NULL, "\"Boolean cannot represent a non boolean value: 1\"");
    expect_errors(*state, "{tell(color: BLUE)}", NULL, "\"Value 'BLUE' does not exist in 'Color' enum.\"");
    expect_errors(*state, "{tell(color: \"RED\")}", NULL,
                  "\"Enum 'Color' cannot represent non-enum value: \\\"RED\\\".\"");
    expect_errors(*state, "{tell(long: 9223372036854775808)}", NULL,
                  "\"Expected value of type 'Long', found 9223372036854775808.\"");
    expect_errors(*state, "{tell(in: 5)}", NULL, "\"Expected value of type 'In', found 5.\"");
    expect_errors(*state, "{tell(in: {bogus: 1})}", NULL, "\"Field 'bogus' is not defined by type 'In'.\"");
    expect_errors(*state, "{tell(in: {text: \"a\", text: \"b\"})}", NULL,
                  "\"There can be only one input field named 'text'.\"");
    expect_errors(*state, "{tell(bogus: 1)}", NULL, "\"Unknown argument 'bogus' on field 'Query.tell'.\"");
    expect_errors(*state, "{tell(text: \"a\", text: \"a\")}", NULL,
                  "\"There can be only one argument named 'text'.\"");
}

static void directives_must_exist_and_stand_where_they_may(void **state)
{
    expect_errors(*state, "{tell @bogus}", NULL, "\"Unknown directive '@bogus'.\"");
    expect_errors(*state, "{tell @component(name: \"x\")}", NULL,
                  "\"Directive '@component' may not be used on FIELD.\"");
    expect_errors(*state, "query @skip(if: true) {tell}", NULL,
                  "\"Directive '@skip' may not be used on QUERY.\"");
    expect_errors(
        *state, "{tell @skip}", NULL,
        "\"Argument 'if' of type 'Boolean!' on directive '@skip' is required, but it was not provided.\"");
    expect_errors(*state, "{tell @skip(if: true) @skip(if: false)}", NULL,
                  "\"The directive '@skip' can only be used once at this location.\"");
    expect(*state, "query Q @component(name: \"x\") {tell}", NULL,
           "{\"data\":{\"tell\":\"\"},\"errors\":null}");
}

static void variables_must_be_defined_used_and_fit(void **state)
{
    expect_errors(*state, "query Q {tell(text: $a)}", NULL,
                  "\"Variable '$a' is not defined by operation 'Q'.\"");
    expect_errors(*state, "query($a: String) {tell}", NULL, "\"Variable '$a' is never used.\"");
    expect_errors(*state, "query($a: String, $a: String) {tell(text: $a)}", NULL,
                  "\"There can be only one variable named '$a'.\",\"Variable '$a' is never used.\"");
    expect_errors(*state, "query($a: Int) {tell(text: $a)}", NULL,
                  "\"Variable '$a' of type 'Int' used in position expecting type 'String'.\"");
    expect_errors(*state, "query($a: [String!]!) {tell(text: $a)}", NULL,
                  "\"Variable '$a' of type '[String!]!' used in position expecting type 'String'.\"");
    expect_errors(*state, "query($a: String) {tell(texts: $a)}", NULL,
                  "\"Variable '$a' of type 'String' used in position expecting type '[String]'.\"");
    expect_errors(*state, "query($a: Boolean) {tell @skip(if: $a)}", NULL,
                  "\"Variable '$a' of type 'Boolean' used in position expecting type 'Boolean!'.\"");
    expect_errors(*state, "query($a: None) {tell(text: $a)}", NULL,
                  "\"Unknown type 'None' of the variable '$a'.\"");
    expect_errors(*state, "query($a: Int = \"x\") {tell(number: $a)}", NULL,
                  "\"Int cannot represent non-integer value: \\\"x\\\"\"");
}

static void variables_take_what_is_given_or_their_defaults(void **state)
{
    static const char query[] = "query($t: String = \"d\", $l: [String!], $o: In, $c: Color, $n: Long) "
                                "{tell(text: $t, texts: $l, in: $o, "
                                "color: $c, long: $n)}";
    expect(*state, query, NULL, "{\"data\":{\"tell\":\"text: string d\"},\"errors\":null}");
    expect(*state, query,
           "{\"t\": null, \"l\": \"one\", \"o\": {\"texts\": [\"x\", null]}, \"c\": \"RED\", \"n\": \"7\"}",
           "{\"data\":{\"tell\":\"text: null, texts: [string one], in: {texts: [string x, null]}, color: "
           "enum RED, "
           "long: int 7\"},\"errors\":null}");
    expect(*state, "query($t: String) {tell(in: {text: $t, texts: [$t]})}", "{\"t\": \"v\", \"other\": 1}",
           "{\"data\":{\"tell\":\"in: {text: string v, texts: [string v]}\"},\"errors\":null}");
    expect(*state, "query($t: String) {tell(in: {text: $t, texts: [$t]})}", "{}",
           "{\"data\":{\"tell\":\"in: {texts: [null]}\"},\"errors\":null}");
}

static void values_of_variables_must_be_of_their_types(void **state)
{
    static const char query[] = "query($o: In!) {tell(in: $o)}";
    expect_errors(*state, query, NULL, "\"Variable '$o' of required type 'In!' was not provided.\"");
    expect_errors(*state, query, "{\"o\": 5}",
                  "\"Variable '$o' got invalid value 5; Expected type 'In' to be a mapping.\"");
    expect_errors(
        *state, query, "{\"o\": {\"texts\": [1]}}",
        "\"Variable '$o' got invalid value {\\\"texts\\\":[1]} at 'o.texts[0]'; String cannot represent a "
        "non string value: 1\"");
    expect_errors(*state, "query($n: Int) {tell(number: $n)}", "{\"n\": 2147483648}",
                  "\"Variable '$n' got invalid value 2147483648; Int cannot represent value: 2147483648\"");
    expect_errors(*state, "query($n: Int) {tell(number: $n)}", "{\"n\": \"1\"}",
                  "\"Variable '$n' got invalid value \\\"1\\\"; Int cannot represent value: \\\"1\\\"\"");
    expect_errors(*state, "query($c: Color) {tell(color: $c)}", "{\"c\": \"BLUE\"}",
                  "\"Variable '$c' got invalid value \\\"BLUE\\\"; Value \\\"BLUE\\\" does not exist in "
                  "'Color' enum.\"");
    expect_errors(*state, "query($n: Long) {tell(long: $n)}", "{\"n\": 18446744073709551615}",
                  "\"Variable '$n' got invalid value 18446744073709551615; Long cannot represent value: "
                  "18446744073709551615\"");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(selections_must_fit_the_types),
        TEST(fragments_must_exist_fit_and_be_used),
        TEST(one_key_must_be_one_thing),
        TEST(arguments_must_be_of_their_types),
        TEST(directives_must_exist_and_stand_where_they_may),
        TEST(variables_must_be_defined_used_and_fit),
        TEST(variables_take_what_is_given_or_their_defaults),
        TEST(values_of_variables_must_be_of_their_types),
    };
    return cmocka_run_group_tests_name("graphql_checks", tests, NULL, NULL);
}
