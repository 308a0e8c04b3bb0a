//! Parquet files with an image column, as Hugging Face data sets have them.

use super::files::open_file;
use super::{Catalogue, Content, ImageSource, RawSample};
use crate::images::error::{ImageError, quoted};
use polars::prelude::{
    BinaryChunked, DataFrame, DataType, ParallelStrategy, ParquetReader as PolarsReader, SerReader,
};
use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Names of the image column, the first that exists is taken.
const IMAGE_COLUMNS: [&str; 2] = ["image", "img"];

/// Optional columns: the class (whole numbers or text), and the mask (as the image).
const LABEL_COLUMN: &str = "label";
const MASK_COLUMN: &str = "mask";

/// No row group may promise more uncompressed bytes, since one is held in memory at a time.
const MAX_ROW_GROUP_BYTES: usize = 4 << 30;

/// Row groups that stay in memory: the one in use, and the one that decoding threads are leaving or entering.
const CACHED_GROUPS: usize = 2;

/// Rows of one or more files, one after the other. The image column is a struct of `bytes` and `path`, or binary;
/// what it holds are encoded files.
#[derive(Debug)]
pub(super) struct ParquetReader {
    catalogue: Catalogue,
    groups: Vec<RowGroup>,
    cache: Mutex<Vec<(usize, Arc<Rows>)>>,
}

/// A row group of a file.
#[derive(Debug)]
struct RowGroup {
    path: PathBuf,
    columns: Arc<Columns>,
    /// Rows within the file.
    rows: Range<usize>,
    /// Index of its first row among all samples.
    first_sample: usize,
}

/// The columns of a file that are read.
#[derive(Debug)]
struct Columns {
    image: String,
    mask: Option<String>,
    label: Option<String>,
}

/// Encoded images and masks of consecutive rows.
#[derive(Debug)]
struct Rows {
    images: BinaryChunked,
    masks: Option<BinaryChunked>,
}

impl ParquetReader {
    pub(super) fn open(files: &[PathBuf]) -> Result<Self, ImageError> {
        let mut groups = Vec::new();
        let mut labels = Vec::new();
        let mut count = 0;
        for path in files {
            let (columns, sizes) = describe(path)?;
            let columns = Arc::new(columns);
            let mut row = 0;
            for size in sizes {
                let rows = row..row + size;
                row = rows.end;
                let group = RowGroup {
                    path: path.clone(),
                    columns: Arc::clone(&columns),
                    rows,
                    first_sample: count,
                };
                count += size;
                groups.push(group);
            }
            if let Some(label) = &columns.label {
                labels.extend(read_labels(path, label)?);
            }
            if row > 0 {
                // A first look, so that a wrong type is found before any work is done.
                read_rows(path, &columns, 0..1)?;
            }
        }
        let place = files.first().map(|path| quoted(path)).unwrap_or_default();
        let keys = (0..count).map(|index| format!("{index:08}"));
        let catalogue = if labels.is_empty() {
            Catalogue::unlabelled(&place, keys.collect())?
        } else if labels.len() == count {
            Catalogue::labelled(&place, keys.zip(labels).collect())?
        } else {
            let problem = format!(
                "{} of {count} rows have a `{LABEL_COLUMN}`: give all files one, or none",
                labels.len()
            );
            return Err(ImageError::layout(place, problem));
        };
        Ok(Self { catalogue, groups, cache: Mutex::default() })
    }

    /// The rows of a group. Threads that want the same group wait for the one that reads it.
    fn group(&self, index: usize) -> Result<Arc<Rows>, ImageError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rows)) = cache.iter().find(|(cached, _)| *cached == index) {
            return Ok(Arc::clone(rows));
        }
        let group = &self.groups[index];
        let rows = Arc::new(read_rows(&group.path, &group.columns, group.rows.clone())?);
        if cache.len() >= CACHED_GROUPS {
            cache.remove(0);
        }
        cache.push((index, Arc::clone(&rows)));
        Ok(rows)
    }
}

impl ImageSource for ParquetReader {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn read(&self, index: usize) -> Result<RawSample, ImageError> {
        self.catalogue.check(index)?;
        let position =
            self.groups.partition_point(|group| group.first_sample <= index).saturating_sub(1);
        let group = &self.groups[position];
        let row = index - group.first_sample;
        let place = format!("{}, row {}", quoted(&group.path), group.rows.start + row);
        let rows = self.group(position)?;
        let bytes = |column: &BinaryChunked| column.get(row).map(<[u8]>::to_vec);
        let Some(image) = bytes(&rows.images) else {
            let problem =
                "its image has no bytes (perhaps only a path): embed the image files in the column";
            return Err(ImageError::layout(place, problem));
        };
        Ok(RawSample {
            place,
            content: Content::Encoded(image),
            mask: rows.masks.as_ref().and_then(bytes),
        })
    }
}

/// The columns to read, and the rows of each row group.
fn describe(path: &Path) -> Result<(Columns, Vec<usize>), ImageError> {
    let (names, groups) = guarded(path, |mut reader| {
        let names: Vec<String> = reader.schema()?.iter_names().map(ToString::to_string).collect();
        let metadata = reader.get_metadata()?;
        let groups: Vec<(usize, usize)> = metadata
            .row_groups
            .iter()
            .map(|group| (group.num_rows(), group.total_byte_size()))
            .collect();
        Ok((names, groups))
    })?;
    let existing = |wanted: &str| names.iter().find(|name| *name == wanted).cloned();
    let Some(image) = IMAGE_COLUMNS.into_iter().find_map(existing) else {
        let problem = format!("it has no column `image`, only {}", names.join(", "));
        return Err(ImageError::layout(quoted(path), problem));
    };
    if let Some((_, bytes)) = groups.iter().find(|(_, bytes)| *bytes > MAX_ROW_GROUP_BYTES) {
        let problem = format!(
            "a row group has {bytes} bytes, more than {MAX_ROW_GROUP_BYTES}: write it with smaller row groups"
        );
        return Err(ImageError::layout(quoted(path), problem));
    }
    let columns = Columns { image, mask: existing(MASK_COLUMN), label: existing(LABEL_COLUMN) };
    Ok((columns, groups.into_iter().map(|(rows, _)| rows).collect()))
}

fn read_rows(path: &Path, columns: &Columns, rows: Range<usize>) -> Result<Rows, ImageError> {
    let names: Vec<String> =
        std::iter::once(&columns.image).chain(&columns.mask).cloned().collect();
    let length = rows.len();
    let table = read_table(path, names, Some((rows.start, length)))?;
    if table.height() != length {
        let problem = format!(
            "{length} rows from row {} on are expected, {} were read",
            rows.start,
            table.height()
        );
        return Err(ImageError::layout(quoted(path), problem));
    }
    Ok(Rows {
        images: files_of(path, &table, &columns.image)?,
        masks: columns.mask.as_ref().map(|mask| files_of(path, &table, mask)).transpose()?,
    })
}

/// A column of encoded files: binary, or the `bytes` of a struct.
fn files_of(path: &Path, table: &DataFrame, name: &str) -> Result<BinaryChunked, ImageError> {
    let wrong = |found: &DataType| {
        let problem = format!(
            "its column `{name}` is {found:?}, expected binary or a struct of `bytes` and `path`"
        );
        ImageError::layout(quoted(path), problem)
    };
    let column = table.column(name).map_err(|error| damaged(path, &error))?;
    let files = match column.dtype() {
        DataType::Struct(_) => {
            let structs = column.struct_().map_err(|error| damaged(path, &error))?;
            structs.field_by_name("bytes").map_err(|_| wrong(column.dtype()))?
        }
        _ => column.as_materialized_series().clone(),
    };
    files.binary().cloned().map_err(|_| wrong(column.dtype()))
}

fn read_labels(path: &Path, name: &str) -> Result<Vec<String>, ImageError> {
    let table = read_table(path, vec![name.to_owned()], None)?;
    let column = table.column(name).map_err(|error| damaged(path, &error))?;
    let kind = column.dtype();
    if !(kind.is_integer() || kind.is_bool() || kind.is_string()) {
        let problem = format!("its column `{name}` is {kind:?}, expected whole numbers or text");
        return Err(ImageError::layout(quoted(path), problem));
    }
    let text = column.cast(&DataType::String).map_err(|error| damaged(path, &error))?;
    let text = text.str().map_err(|error| damaged(path, &error))?;
    text.iter()
        .enumerate()
        .map(|(row, label)| {
            label.map(str::to_owned).ok_or_else(|| {
                ImageError::layout(format!("{}, row {row}", quoted(path)), "it has no label")
            })
        })
        .collect()
}

fn read_table(
    path: &Path,
    columns: Vec<String>,
    rows: Option<(usize, usize)>,
) -> Result<DataFrame, ImageError> {
    guarded(path, |reader| {
        reader
            .with_columns(Some(columns))
            .with_slice(rows)
            .read_parallel(ParallelStrategy::None)
            .finish()
    })
}

/// Runs polars on a file. On damaged files it may panic instead of returning an error.
fn guarded<T>(
    path: &Path,
    read: impl FnOnce(PolarsReader<File>) -> polars::prelude::PolarsResult<T>,
) -> Result<T, ImageError> {
    let reader = PolarsReader::new(open_file(path)?);
    match catch_unwind(AssertUnwindSafe(|| read(reader))) {
        Ok(result) => result.map_err(|error| damaged(path, &error)),
        Err(_) => Err(damaged(path, &"the reader gave up")),
    }
}

fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> ImageError {
    ImageError::layout(
        quoted(path),
        format!("it is no Parquet file, or damaged ({reason}); fetch it again"),
    )
}
