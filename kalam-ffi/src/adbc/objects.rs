//! GetObjects and GetTableSchema, from information_schema: what the session may see.

use std::ops::Range;
use std::sync::Arc;

use adbc_core::constants as c;
use adbc_core::schemas::{
    COLUMN_SCHEMA, CONSTRAINT_SCHEMA, GET_OBJECTS_SCHEMA, OBJECTS_DB_SCHEMA_SCHEMA, TABLE_SCHEMA,
    USAGE_SCHEMA,
};
use arrow::array::{
    ArrayRef, AsArray, Int16Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Fields, Int64Type, SchemaRef};
use kalam_core::{Error, Params, Result, Session, SqlState};

use super::CATALOG;
use super::info::{batch, internal};
use super::ingest::quoted;
use super::like::fits;
use super::rows::Rows;

/// What a caller wants to see. Patterns are those of LIKE.
pub(super) struct Filter<'a> {
    pub(super) depth: i32,
    pub(super) catalog: Option<&'a str>,
    pub(super) namespace: Option<&'a str>,
    pub(super) table: Option<&'a str>,
    pub(super) table_types: Option<Vec<&'a str>>,
    pub(super) column: Option<&'a str>,
}

/// The columns of a table; of the current namespace if none is given.
///
/// # Errors
/// `42P01`.
pub(super) fn table_schema(
    session: &Session,
    namespace: Option<&str>,
    table: &str,
) -> Result<SchemaRef> {
    let namespace = match namespace {
        None | Some("") => session.namespace(),
        Some(namespace) => namespace.to_owned(),
    };
    let sql = format!("SELECT * FROM {}.{}", quoted(&namespace), quoted(table));
    Ok(session.prepare(&sql)?.result_schema())
}

/// Catalogs, namespaces, tables, columns and constraints, nested, down to a depth.
///
/// # Errors
/// `22023` for an unknown depth; what reading information_schema raises.
pub(super) fn objects(session: &Session, filter: &Filter<'_>) -> Result<Rows> {
    let known = [
        c::ADBC_OBJECT_DEPTH_ALL,
        c::ADBC_OBJECT_DEPTH_CATALOGS,
        c::ADBC_OBJECT_DEPTH_DB_SCHEMAS,
        c::ADBC_OBJECT_DEPTH_TABLES,
    ];
    if !known.contains(&filter.depth) {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("depth {} of objects is unknown", filter.depth),
        ));
    }
    let names: Vec<&str> = if fits(CATALOG, filter.catalog) { vec![CATALOG] } else { vec![] };
    let item = OBJECTS_DB_SCHEMA_SCHEMA.clone();
    let namespaces = if filter.depth == c::ADBC_OBJECT_DEPTH_CATALOGS {
        null_lists(&item, names.len())
    } else {
        let found = if names.is_empty() { Vec::new() } else { namespaces(session, filter)? };
        let length = found.len();
        let found = namespace_array(session, filter, &found)?;
        let ranges: Vec<Range<usize>> = names.iter().map(|_| 0..length).collect();
        lists(&item, &found, &ranges)?
    };
    batch(GET_OBJECTS_SCHEMA.clone(), vec![Arc::new(StringArray::from(names)), namespaces])
}

/// The rows of a query, and their columns by name.
pub(super) struct Listing(RecordBatch);

impl Listing {
    /// Runs a query.
    pub(super) fn of(session: &Session, sql: &str) -> Result<Listing> {
        let result = session.execute(sql, &Params::None)?;
        let schema = result.schema();
        let batches = result.collect()?;
        concat_batches(&schema, &batches).map(Listing).map_err(internal)
    }

    fn column(&self, name: &str, data_type: &DataType) -> Result<ArrayRef> {
        let column = self.0.column_by_name(name).ok_or_else(|| {
            Error::new(SqlState::INTERNAL_ERROR, format!("the catalog tells no {name}"))
        })?;
        cast(column, data_type).map_err(internal)
    }

    /// The texts of a column; NULL is empty.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>> {
        let column = self.column(name, &DataType::Utf8)?;
        let column = column.as_string::<i32>();
        Ok(column.iter().map(|text| text.unwrap_or_default().to_owned()).collect())
    }

    /// The numbers of a column.
    pub(super) fn numbers(&self, name: &str) -> Result<Int64Array> {
        Ok(self.column(name, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
    }

    /// The rows.
    pub(super) fn into_batch(self) -> RecordBatch {
        self.0
    }

    /// The rows whose numbers are given.
    fn pick(&self, rows: &[usize]) -> Result<Listing> {
        let rows = rows.iter().map(|row| i64::try_from(*row).unwrap_or(i64::MAX));
        let rows = Int64Array::from_iter_values(rows);
        arrow::compute::take_record_batch(&self.0, &rows).map(Listing).map_err(internal)
    }

    fn len(&self) -> usize {
        self.0.num_rows()
    }
}

/// The namespaces that fit, by name.
pub(super) fn namespaces(session: &Session, filter: &Filter<'_>) -> Result<Vec<String>> {
    let sql = "SELECT schema_name FROM information_schema.schemata ORDER BY schema_name";
    let mut names = Listing::of(session, sql)?.texts("schema_name")?;
    names.retain(|name| fits(name, filter.namespace));
    Ok(names)
}

fn namespace_array(
    session: &Session,
    filter: &Filter<'_>,
    namespaces: &[String],
) -> Result<ArrayRef> {
    let item = TABLE_SCHEMA.clone();
    let tables = if filter.depth == c::ADBC_OBJECT_DEPTH_DB_SCHEMAS {
        null_lists(&item, namespaces.len())
    } else {
        let tables = Tables::read(session, filter, namespaces)?;
        lists(&item, &tables.array(session, filter)?, &tables.by_namespace)?
    };
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(namespaces));
    structs(&OBJECTS_DB_SCHEMA_SCHEMA, vec![names, tables])
}

/// The tables and views that fit, namespace after namespace.
struct Tables {
    namespaces: Vec<String>,
    names: Vec<String>,
    types: Vec<String>,
    /// Where the tables of each namespace are.
    by_namespace: Vec<Range<usize>>,
}

impl Tables {
    fn read(session: &Session, filter: &Filter<'_>, namespaces: &[String]) -> Result<Tables> {
        let sql = "SELECT table_schema, table_name, table_type \
            FROM information_schema.tables ORDER BY table_schema, table_name";
        let listing = Listing::of(session, sql)?;
        let all_namespaces = listing.texts("table_schema")?;
        let all_names = listing.texts("table_name")?;
        let all_types = listing.texts("table_type")?;
        let mut tables = Tables {
            namespaces: Vec::new(),
            names: Vec::new(),
            types: Vec::new(),
            by_namespace: Vec::new(),
        };
        let wanted = |row: usize| {
            let of_type = filter.table_types.as_ref().is_none_or(|types| {
                types.is_empty() || types.iter().any(|t| t.eq_ignore_ascii_case(&all_types[row]))
            });
            of_type && fits(&all_names[row], filter.table)
        };
        for namespace in namespaces {
            let start = tables.names.len();
            let rows = (0..listing.len()).filter(|row| all_namespaces[*row] == *namespace);
            for row in rows.filter(|row| wanted(*row)) {
                tables.namespaces.push(namespace.clone());
                tables.names.push(all_names[row].clone());
                tables.types.push(all_types[row].clone());
            }
            tables.by_namespace.push(start..tables.names.len());
        }
        Ok(tables)
    }

    fn array(&self, session: &Session, filter: &Filter<'_>) -> Result<ArrayRef> {
        let length = self.names.len();
        let (columns, constraints) = if filter.depth == c::ADBC_OBJECT_DEPTH_ALL {
            (self.columns(session, filter)?, self.constraints(session)?)
        } else {
            (null_lists(&COLUMN_SCHEMA, length), null_lists(&CONSTRAINT_SCHEMA, length))
        };
        let names: ArrayRef = Arc::new(StringArray::from_iter_values(&self.names));
        let types: ArrayRef = Arc::new(StringArray::from_iter_values(&self.types));
        structs(&TABLE_SCHEMA, vec![names, types, columns, constraints])
    }

    /// The rows of a listing that belong to each table, in the order of the listing.
    fn rows_of(
        &self,
        listing: &Listing,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<(Listing, Vec<Range<usize>>)> {
        let namespaces = listing.texts("table_schema")?;
        let names = listing.texts("table_name")?;
        let mut by_table = std::collections::HashMap::<(&str, &str), Vec<usize>>::new();
        for row in (0..listing.len()).filter(|row| wanted(*row)) {
            by_table.entry((&namespaces[row], &names[row])).or_default().push(row);
        }
        let (mut rows, mut ranges) = (Vec::new(), Vec::new());
        for (namespace, name) in self.namespaces.iter().zip(&self.names) {
            let start = rows.len();
            rows.extend(by_table.remove(&(namespace.as_str(), name.as_str())).unwrap_or_default());
            ranges.push(start..rows.len());
        }
        Ok((listing.pick(&rows)?, ranges))
    }

    fn columns(&self, session: &Session, filter: &Filter<'_>) -> Result<ArrayRef> {
        let sql = "SELECT * FROM information_schema.columns \
            ORDER BY table_schema, table_name, ordinal_position";
        let listing = Listing::of(session, sql)?;
        let names = listing.texts("column_name")?;
        let (listing, ranges) = self.rows_of(&listing, |row| fits(&names[row], filter.column))?;
        lists(&COLUMN_SCHEMA, &column_array(&listing)?, &ranges)
    }

    fn constraints(&self, session: &Session) -> Result<ArrayRef> {
        let constraints = "SELECT table_schema, table_name, constraint_name, constraint_type \
            FROM information_schema.table_constraints \
            ORDER BY table_schema, table_name, constraint_name";
        let keys = "SELECT table_schema, table_name, constraint_name, column_name \
            FROM information_schema.key_column_usage \
            ORDER BY table_schema, table_name, constraint_name, ordinal_position";
        let (listing, ranges) = self.rows_of(&Listing::of(session, constraints)?, |_| true)?;
        let columns = key_columns(&listing, &Listing::of(session, keys)?)?;
        let usage = null_lists(&USAGE_SCHEMA, listing.len());
        let parts = vec![
            listing.column("constraint_name", &DataType::Utf8)?,
            listing.column("constraint_type", &DataType::Utf8)?,
            columns,
            usage,
        ];
        lists(&CONSTRAINT_SCHEMA, &structs(&CONSTRAINT_SCHEMA, parts)?, &ranges)
    }
}

/// The columns of each constraint, in their order. A CHECK tells none.
fn key_columns(constraints: &Listing, keys: &Listing) -> Result<ArrayRef> {
    let identity = |listing: &Listing| -> Result<Vec<[String; 3]>> {
        let (a, b, c) = (
            listing.texts("table_schema")?,
            listing.texts("table_name")?,
            listing.texts("constraint_name")?,
        );
        Ok(a.into_iter().zip(b).zip(c).map(|((a, b), c)| [a, b, c]).collect())
    };
    let of_keys = identity(keys)?;
    let names = keys.texts("column_name")?;
    let (mut columns, mut ranges) = (Vec::new(), Vec::new());
    for constraint in identity(constraints)? {
        let start = columns.len();
        let own = of_keys.iter().zip(&names).filter(|(key, _)| **key == constraint);
        columns.extend(own.map(|(_, name)| name.as_str()));
        ranges.push(start..columns.len());
    }
    let columns: ArrayRef = Arc::new(StringArray::from(columns));
    lists(&DataType::Utf8, &columns, &ranges)
}

fn column_array(listing: &Listing) -> Result<ArrayRef> {
    let text = |name: &str| listing.column(name, &DataType::Utf8);
    let types = listing.texts("data_type")?;
    let codes: ArrayRef =
        Arc::new(Int16Array::from_iter_values(types.iter().map(|t| xdbc_type(t))));
    let chars = listing.numbers("character_maximum_length")?;
    let precision = listing.numbers("numeric_precision")?;
    let sizes: Int32Array = chars
        .iter()
        .zip(&precision)
        .map(|(chars, precision)| i32::try_from(chars.or(precision)?).ok())
        .collect();
    let nullable = text("is_nullable")?;
    let nullable_codes: Int16Array =
        nullable.as_string::<i32>().iter().map(|word| Some(i16::from(word? == "YES"))).collect();
    let DataType::Struct(fields) = &*COLUMN_SCHEMA else {
        return Err(Error::new(SqlState::INTERNAL_ERROR, "columns are no structs"));
    };
    let parts = fields.iter().map(|field| {
        Ok(match field.name().as_str() {
            "column_name" => text("column_name")?,
            "ordinal_position" => listing.column("ordinal_position", &DataType::Int32)?,
            "remarks" => text("column_comment")?,
            "xdbc_data_type" | "xdbc_sql_data_type" => codes.clone(),
            "xdbc_type_name" => text("kalam_type")?,
            "xdbc_column_size" => Arc::new(sizes.clone()),
            "xdbc_decimal_digits" => listing.column("numeric_scale", &DataType::Int16)?,
            "xdbc_num_prec_radix" => listing.column("numeric_precision_radix", &DataType::Int16)?,
            "xdbc_nullable" => Arc::new(nullable_codes.clone()),
            "xdbc_column_def" => text("column_default")?,
            "xdbc_is_nullable" => nullable.clone(),
            _ => new_null_array(field.data_type(), listing.len()),
        })
    });
    let parts = parts.collect::<Result<Vec<ArrayRef>>>()?;
    structs(&COLUMN_SCHEMA, parts)
}

/// The number of a type in ODBC and JDBC.
///
/// Source: ISO/IEC 9075-3, `sqlext.h`.
fn xdbc_type(data_type: &str) -> i16 {
    match data_type {
        "boolean" => -7,
        "smallint" => 5,
        "integer" => 4,
        "bigint" => -5,
        "real" => 7,
        "double precision" => 8,
        "numeric" => 2,
        "character varying" => 12,
        "text" | "jsonb" | "file" => -1,
        "bytea" => -4,
        "uuid" => -11,
        "date" => 91,
        "time without time zone" => 92,
        "timestamp without time zone" => 93,
        "timestamp with time zone" => 2014,
        // ARRAY, vector: other.
        _ => 1111,
    }
}

/// A list for each range of items.
pub(super) fn lists(
    item: &DataType,
    items: &ArrayRef,
    ranges: &[Range<usize>],
) -> Result<ArrayRef> {
    let offsets = OffsetBuffer::from_lengths(ranges.iter().map(ExactSizeIterator::len));
    let field = Arc::new(Field::new_list_field(item.clone(), true));
    ListArray::try_new(field, offsets, items.clone(), None)
        .map(|lists| Arc::new(lists) as ArrayRef)
        .map_err(internal)
}

/// As many lists, which say nothing.
fn null_lists(item: &DataType, length: usize) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(item.clone(), true));
    let nulls = NullBuffer::new_null(length);
    let offsets = OffsetBuffer::new_zeroed(length);
    let items = arrow::array::new_empty_array(item);
    Arc::new(ListArray::new(field, offsets, items, Some(nulls)))
}

/// A struct for each row of the columns.
pub(super) fn structs(data_type: &DataType, columns: Vec<ArrayRef>) -> Result<ArrayRef> {
    let fields = match data_type {
        DataType::Struct(fields) => fields.clone(),
        _ => Fields::empty(),
    };
    StructArray::try_new(fields, columns, None)
        .map(|rows| Arc::new(rows) as ArrayRef)
        .map_err(internal)
}
