//! `samples.parquet` of a run: which samples were measured, and each one's scores.

use crate::failure::Failure;
use polars::prelude::{
    DataFrame, DataType, ParallelStrategy, ParquetReader, PolarsResult, SerReader,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// More bytes after decompression are not read: 50,000 images through forty layers are below 100 MiB.
const MOST_BYTES: usize = 4 << 30;

/// The table of a run's samples; columns are read when they are asked for.
#[derive(Debug)]
pub(super) struct SampleTable {
    path: PathBuf,
    columns: Vec<String>,
    /// For each data set and sample, its row.
    rows: BTreeMap<(String, String), usize>,
    digests: Vec<Option<String>>,
}

impl SampleTable {
    /// Opens the table of a run; `None` if the run has none (generators alone leave none).
    ///
    /// # Errors
    /// If the file is damaged, too large, or names one sample twice.
    pub(super) fn open(folder: &Path) -> Result<Option<Self>, Failure> {
        let path = folder.join("samples.parquet");
        if !path.exists() {
            return Ok(None);
        }
        let (columns, bytes) = guarded(&path, |mut reader| {
            let columns = reader.schema()?.iter_names().map(ToString::to_string).collect();
            let groups = &reader.get_metadata()?.row_groups;
            let bytes = groups.iter().map(|group| group.total_byte_size());
            Ok((columns, bytes.fold(0_usize, usize::saturating_add)))
        })?;
        if bytes > MOST_BYTES {
            return Err(damaged(
                &path,
                &format_args!("it holds {bytes} bytes, more than {MOST_BYTES}"),
            ));
        }
        let mut table = Self { path, columns, rows: BTreeMap::new(), digests: Vec::new() };
        let [datasets, samples] = ["dataset", "sample"].map(|name| table.texts(name));
        table.digests = table.texts("sha256")?;
        for (row, key) in datasets?.into_iter().zip(samples?).enumerate() {
            let (Some(dataset), Some(sample)) = key else {
                return Err(damaged(&table.path, &format_args!("row {row} names no sample")));
            };
            let twice = format!("sample `{sample}` of data set `{dataset}` stands twice");
            if table.rows.insert((dataset, sample), row).is_some() {
                return Err(damaged(&table.path, &twice));
            }
        }
        Ok(Some(table))
    }

    /// Samples of a data set with their rows, by name.
    pub(super) fn samples(&self, dataset: &str) -> BTreeMap<&str, usize> {
        let own = self.rows.iter().filter(|((own, _), _)| own == dataset);
        own.map(|((_, sample), row)| (sample.as_str(), *row)).collect()
    }

    /// Names of the data sets.
    pub(super) fn datasets(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.rows.keys().map(|(dataset, _)| dataset.as_str()).collect();
        names.dedup();
        names
    }

    /// Digest of a sample's bytes.
    pub(super) fn digest(&self, row: usize) -> Option<&str> {
        self.digests.get(row)?.as_deref()
    }

    /// Whether there is such a column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|own| own == column)
    }

    /// A column of numbers.
    ///
    /// # Errors
    /// If it is not there or holds something else.
    pub(super) fn numbers(&self, column: &str) -> Result<Vec<Option<f64>>, Failure> {
        let table = self.read(column)?;
        let wrong = |error| damaged(&self.path, &format_args!("column `{column}`: {error}"));
        let values = table.column(column).and_then(|values| values.f64()).map_err(wrong)?;
        // What is not finite cannot have been written by a run.
        Ok(values.iter().map(|value| value.filter(|value| value.is_finite())).collect())
    }

    /// A column of texts.
    ///
    /// # Errors
    /// If it is not there or holds something else.
    pub(super) fn texts(&self, column: &str) -> Result<Vec<Option<String>>, Failure> {
        let table = self.read(column)?;
        let wrong = |error| damaged(&self.path, &format_args!("column `{column}`: {error}"));
        let values = table.column(column).map_err(wrong)?;
        if *values.dtype() == DataType::Null {
            return Ok(vec![None; table.height()]);
        }
        let values = values.str().map_err(wrong)?;
        Ok(values.iter().map(|value| value.map(str::to_owned)).collect())
    }

    fn read(&self, column: &str) -> Result<DataFrame, Failure> {
        if !self.has(column) {
            return Err(damaged(&self.path, &format_args!("it has no column `{column}`")));
        }
        guarded(&self.path, |reader| {
            reader
                .with_columns(Some(vec![column.to_owned()]))
                .read_parallel(ParallelStrategy::None)
                .finish()
        })
    }
}

/// Runs polars on a file. On damaged files it may panic instead of returning an error.
fn guarded<T>(
    path: &Path,
    read: impl FnOnce(ParquetReader<File>) -> PolarsResult<T>,
) -> Result<T, Failure> {
    let file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
    match catch_unwind(AssertUnwindSafe(|| read(ParquetReader::new(file)))) {
        Ok(result) => result.map_err(|error| damaged(path, &error)),
        Err(_) => Err(damaged(path, &"the reader gave up")),
    }
}

fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::invalid(format_args!(
        "`{}` is no table of samples, or damaged ({reason}); run the suite again",
        path.display()
    ))
}
