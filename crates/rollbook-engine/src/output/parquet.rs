//! Rows as Apache Parquet with types: timestamps, dates, booleans, numbers; text in dictionaries, compressed by Snappy.
//!
//! Rows are kept in memory until they are a row group. The meanings of columns are metadata of the file, `rollbook.NAME`.

use std::io::{self, Write};
use std::sync::Arc;

use jiff::civil::Date;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::row_sink::RowSink;
use rollbook_core::model::row::{Cell, Kind};
use rollbook_core::model::scalar;
use rollbook_core::store::moment::OutputColumn;

/// A row group ends after so many rows, or bytes of text.
const GROUP_ROWS: usize = 1 << 16;
const GROUP_BYTES: usize = 16 << 20;

/// A Parquet file.
pub(super) struct ParquetRows<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<ColumnValues>,
    rows: usize,
    bytes: usize,
}

/// The values of a column, and for each row whether it has one (1) or is null (0).
struct ColumnValues {
    kind: Kind,
    has_value: Vec<i16>,
    values: TypedValues,
}

enum TypedValues {
    Booleans(Vec<bool>),
    Days(Vec<i32>),
    Integers(Vec<i64>),
    Reals(Vec<f64>),
    Texts(Vec<ByteArray>),
}

impl<W: Write + Send> ParquetRows<W> {
    pub fn new(columns: &[OutputColumn], out: W) -> io::Result<Self> {
        let fields = columns.iter().map(|column| field(column).map(Arc::new));
        let fields = fields.collect::<Result<_, _>>().map_err(as_io)?;
        let schema = Type::group_type_builder("rollbook").with_fields(fields);
        let meaning = |column: &OutputColumn| {
            let key = format!("rollbook.{}", column.name);
            (!column.help.is_empty()).then(|| KeyValue::new(key, column.help.clone()))
        };
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("rollbook {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(columns.iter().filter_map(meaning).collect()))
            .build();
        let schema = Arc::new(schema.build().map_err(as_io)?);
        let writer = SerializedFileWriter::new(out, schema, Arc::new(properties));
        Ok(Self {
            writer: writer.map_err(as_io)?,
            columns: columns
                .iter()
                .map(|column| ColumnValues::of(column.kind))
                .collect(),
            rows: 0,
            bytes: 0,
        })
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(writer) = group.next_column()? else {
                break;
            };
            column.write(writer)?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl<W: Write + Send> RowSink for ParquetRows<W> {
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(*cell);
            self.bytes += cell.text().map_or(8, str::len);
        }
        self.rows += 1;
        match self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            true => self.end_group().map_err(as_io),
            false => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if self.rows > 0 {
            self.end_group().map_err(as_io)?;
        }
        self.writer.finish().map(drop).map_err(as_io)
    }
}

impl ColumnValues {
    fn of(kind: Kind) -> Self {
        let values = match kind {
            Kind::Boolean => TypedValues::Booleans(Vec::new()),
            Kind::Date => TypedValues::Days(Vec::new()),
            Kind::Integer | Kind::Timestamp => TypedValues::Integers(Vec::new()),
            Kind::Real => TypedValues::Reals(Vec::new()),
            Kind::Text | Kind::Json => TypedValues::Texts(Vec::new()),
        };
        Self {
            kind,
            has_value: Vec::new(),
            values,
        }
    }

    /// A value that is not of the column's type, which the mirror cannot have, is null.
    fn push(&mut self, cell: Cell<'_>) {
        let count = self.values.len();
        match (&mut self.values, cell) {
            (TypedValues::Booleans(values), Cell::Integer(value)) => values.push(value != 0),
            (TypedValues::Days(values), Cell::Text(text)) => values.extend(day(text)),
            (TypedValues::Integers(values), Cell::Integer(value)) => values.push(value),
            (TypedValues::Integers(values), Cell::Text(text)) if self.kind == Kind::Timestamp => {
                values.extend(scalar::parse(text).map(|time| time.as_millisecond()));
            }
            (TypedValues::Reals(values), Cell::Real(value)) => values.push(value),
            (TypedValues::Reals(values), Cell::Integer(value)) => values.push(value as f64),
            (TypedValues::Texts(values), Cell::Text(text)) => values.push(text.into()),
            // A label may be a number in the vendor's list.
            (TypedValues::Texts(values), Cell::Integer(value)) => {
                values.push(value.to_string().as_str().into());
            }
            _ => {}
        }
        self.has_value.push(i16::from(self.values.len() > count));
    }

    fn write(&mut self, mut writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(self.has_value.as_slice());
        match &mut self.values {
            TypedValues::Booleans(values) => {
                writer
                    .typed::<BoolType>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
            TypedValues::Days(values) => {
                writer
                    .typed::<Int32Type>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
            TypedValues::Integers(values) => {
                writer
                    .typed::<Int64Type>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
            TypedValues::Reals(values) => {
                writer
                    .typed::<DoubleType>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
            TypedValues::Texts(values) => {
                writer
                    .typed::<ByteArrayType>()
                    .write_batch(values, levels, None)?;
                values.clear();
            }
        }
        self.has_value.clear();
        writer.close()
    }
}

impl TypedValues {
    fn len(&self) -> usize {
        match self {
            Self::Booleans(values) => values.len(),
            Self::Days(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Reals(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }
}

fn field(column: &OutputColumn) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Boolean => (PhysicalType::BOOLEAN, None),
        Kind::Date => (PhysicalType::INT32, Some(LogicalType::Date)),
        Kind::Integer => (PhysicalType::INT64, None),
        Kind::Timestamp => (
            PhysicalType::INT64,
            Some(LogicalType::timestamp(true, TimeUnit::MILLIS)),
        ),
        Kind::Real => (PhysicalType::DOUBLE, None),
        Kind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Json => (PhysicalType::BYTE_ARRAY, Some(LogicalType::Json)),
    };
    Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// Days since 1970-01-01.
fn day(text: &str) -> Option<i32> {
    let day: Date = text.parse().ok()?;
    let since = day.since(Date::constant(1970, 1, 1)).ok()?;
    Some(since.get_days())
}

fn as_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}
