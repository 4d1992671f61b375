"""What the engine can do, in the words of SQLAlchemy's suite.

`closed` is what it cannot; the reason stands beside it. What is not here is as the suite has it.
"""

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

# What the engine does, and the suite does not expect of every database.
THERE = """
    array_type boolean_col_expressions check_constraint_reflection comment_reflection
    comment_reflection_full_unicode create_or_replace_view create_table_as ctes
    ctes_with_values datetime_timezone datetime_historic date_historic
    delete_from except_ expression_server_defaults fetch_expression fetch_first
    fetch_no_order_by fetch_offset_with_options
    infinity_floats inline_check_constraint_reflection intersect isolation_level autocommit
    json_type mod_operator_as_percent_sign nullsordering order_by_label_with_expression
    precision_numerics_enotation_small
    precision_numerics_many_significant_digits regexp_match regexp_replace
    savepoints schema_create_delete server_defaults standard_cursor_sql
    supports_bitwise_and supports_bitwise_or supports_bitwise_shift supports_bitwise_xor
    supports_distinct_on supports_is_distinct_from
    table_ddl_if_exists timestamp_microseconds tuple_in unicode_ddl update_from uuid_data_type
    views window_functions window_range
""".split()

# What it refuses, each with its reason.
MISSING = {
    "self_referential_foreign_keys": "FOREIGN KEY is refused",
    "foreign_key_constraint_reflection": "FOREIGN KEY is refused",
    "on_update_cascade": "FOREIGN KEY is refused",
    "recursive_fk_cascade": "FOREIGN KEY is refused",
    "index_reflection": "CREATE INDEX is refused",
    "indexes_with_ascdesc": "CREATE INDEX is refused",
    "reflect_indexes_with_ascdesc": "CREATE INDEX is refused",
    "temporary_tables": "there are no temporary tables",
    "temp_table_reflection": "there are no temporary tables",
    "unusual_column_name_characters": "names hold letters, digits and underscores",
    "like_escapes": "the backslash is the only escape of LIKE",
    "symbol_names_w_double_quote": "names hold letters, digits and underscores",
    "duplicate_names_in_cursor_description": "two columns of one name get distinct names",
    "implements_get_lastrowid": "keys come by RETURNING",
}


class Requirements(SuiteRequirements):
    """The answers."""


for _name in THERE:
    setattr(Requirements, _name, property(lambda self: exclusions.open()))
for _name, _reason in MISSING.items():
    setattr(Requirements, _name, property(lambda self, reason=_reason: exclusions.skip_if(lambda: True, reason)))
