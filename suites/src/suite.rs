//! A suite in memory: its definition and its data, checked against each other.

pub(crate) mod figures;

use crate::cells::{self, Cell, CellPlace, CellsError, CorrelationRow};
use crate::derived::{self, ResolvedGroup, Resolver, StatedAt};
use crate::evaluation::{Provenance, ReportedValue};
use crate::labels;
use crate::layout::{self, LaidEntry, Layout, LayoutInput, Misfit};
use crate::lock;
use crate::miniature::MiniaturePlan;
use crate::reach::{self, ResolvedLint};
use crate::schema::{Definition, DefinitionError, DefinitionText, Panel, RunPlan};
use crate::texts::{FurtherTexts, SuiteTexts};
use crate::versions;
use miette::Diagnostic;
use retally_manifests::Digest;
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

/// The text of a suite's files.
#[derive(Clone, Copy, Debug)]
pub struct SuiteFiles<'a> {
    /// `suite.toml`.
    pub definition: &'a str,
    /// Printed cells: name and text of `cells.csv` (a paper's) or `recorded.csv` (of an earlier retally run).
    pub cells: Option<(&'a str, &'a str)>,
    /// Printed correlations: text of `correlations.csv`.
    pub correlations: Option<&'a str>,
    /// Data of further papers that the suite shows.
    pub further: &'a [FurtherData<'a>],
}

/// Data of a further paper, in a folder of the suite. Its tables and figures are named with the folder: `table-2` of
/// `unimmmu/cells.csv` is `unimmmu-table-2`.
#[derive(Clone, Copy, Debug)]
pub struct FurtherData<'a> {
    /// Name of the folder: lower-case words joined by `-`.
    pub folder: &'a str,
    /// Text of `cells.csv`.
    pub cells: &'a str,
    /// Text of `correlations.csv`.
    pub correlations: &'a str,
}

const DEFINITION_FILE: &str = "suite.toml";
const CORRELATIONS_FILE: &str = "correlations.csv";

/// The suites that the program carries.
const BUILTIN: [(&str, SuiteFiles<'static>); 5] = [
    (
        "aia",
        SuiteFiles {
            definition: include_str!("../aia/suite.toml"),
            cells: Some(("cells.csv", include_str!("../aia/cells.csv"))),
            correlations: Some(include_str!("../aia/correlations.csv")),
            further: &[FurtherData {
                folder: "unimmmu",
                cells: include_str!("../aia/unimmmu/cells.csv"),
                correlations: include_str!("../aia/unimmmu/correlations.csv"),
            }],
        },
    ),
    (
        "irepa",
        SuiteFiles {
            definition: include_str!("../irepa/suite.toml"),
            cells: Some(("cells.csv", include_str!("../irepa/cells.csv"))),
            correlations: Some(include_str!("../irepa/correlations.csv")),
            further: &[],
        },
    ),
    (
        "iwm",
        SuiteFiles {
            definition: include_str!("../iwm/suite.toml"),
            cells: Some(("cells.csv", include_str!("../iwm/cells.csv"))),
            correlations: Some(include_str!("../iwm/correlations.csv")),
            further: &[],
        },
    ),
    (
        "ldae",
        SuiteFiles {
            definition: include_str!("../ldae/suite.toml"),
            cells: Some(("cells.csv", include_str!("../ldae/cells.csv"))),
            correlations: Some(include_str!("../ldae/correlations.csv")),
            further: &[],
        },
    ),
    (
        "starter",
        SuiteFiles {
            definition: include_str!("../starter/suite.toml"),
            // What a run is judged against: no paper's numbers, but ours of an earlier run. Accuracies are not among them,
            // since C is chosen from a grid and may jump to its neighbour by the last digit of a feature.
            cells: Some(("recorded.csv", include_str!("../starter/recorded.csv"))),
            correlations: None,
            further: &[],
        },
    ),
];

/// Why a suite cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SuiteError {
    /// No built-in suite has this id.
    #[error("there is no suite `{id}`; the suites are: {known}")]
    Unknown {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
    /// `suite.toml` is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Definition(Box<DefinitionError>),
    /// A data file is wrong.
    #[error(transparent)]
    Data(#[from] CellsError),
}

impl From<Box<DefinitionError>> for SuiteError {
    fn from(error: Box<DefinitionError>) -> Self {
        Self::Definition(error)
    }
}

impl From<Misfit> for SuiteError {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Definition(error) => Self::Definition(error),
            Misfit::Cells(error) => Self::Data(error),
        }
    }
}

/// A suite whose definition and data fit together.
#[derive(Clone, Debug)]
pub struct Suite {
    pub(crate) definition: Definition,
    pub(crate) cells: Vec<Cell>,
    pub(crate) correlations: Vec<CorrelationRow>,
    /// One for each table of the definition.
    pub(crate) layouts: Vec<Layout>,
    /// One for each group of derived numbers of the definition.
    pub(crate) derived: Vec<ResolvedGroup>,
    /// For a cell's position, the positions of the cells that print the same quantity.
    pub(crate) same_quantity: BTreeMap<usize, Vec<usize>>,
    /// One for each reachability check of the definition.
    pub(crate) lints: Vec<ResolvedLint>,
    /// For each cell the position of the version of the paper that prints it, where its source names one.
    pub(crate) versions: Vec<Option<usize>>,
    content: Digest,
}

impl Suite {
    /// Ids of the suites that the program carries.
    pub fn builtin_ids() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(id, _)| *id)
    }

    /// A suite that the program carries.
    ///
    /// # Errors
    /// [`SuiteError::Unknown`]; the other kinds would be a fault of the program, excluded by its tests.
    pub fn builtin(id: &str) -> Result<Self, SuiteError> {
        match BUILTIN.iter().find(|(known, _)| *known == id) {
            Some((_, files)) => Self::from_files(*files),
            None => {
                let known = Self::builtin_ids().collect::<Vec<_>>().join(", ");
                Err(SuiteError::Unknown { id: id.to_owned(), known })
            }
        }
    }

    /// The files of a suite that the program carries.
    #[must_use]
    pub fn builtin_texts(id: &str) -> Option<SuiteTexts> {
        let (_, files) = BUILTIN.iter().find(|(known, _)| *known == id)?;
        let further = files.further.iter().map(|further| FurtherTexts {
            folder: further.folder.to_owned(),
            cells: further.cells.to_owned(),
            correlations: further.correlations.to_owned(),
        });
        Some(SuiteTexts {
            definition: files.definition.to_owned(),
            cells: files.cells.map(|(name, text)| (name.to_owned(), text.to_owned())),
            correlations: files.correlations.map(str::to_owned),
            further: further.collect(),
        })
    }

    /// Reads a suite and checks it as a whole: every printed cell is shown in exactly one table, every reference resolves.
    ///
    /// # Errors
    /// [`SuiteError`] at the first thing that is wrong.
    pub fn from_files(files: SuiteFiles<'_>) -> Result<Self, SuiteError> {
        let definition = Definition::parse(DEFINITION_FILE, files.definition)?;
        let (cells, correlations) = read_data(files)?;
        let place = DefinitionText { file: DEFINITION_FILE, text: files.definition };
        let check = DataCheck {
            definition: &definition,
            place,
            cells: &cells,
            correlations: &correlations,
        };
        let layouts = check.layouts()?;
        check.anchors(&layouts)?;
        check.tolerances(&layouts)?;
        figures::check(check)?;
        let derived = check.derived()?;
        let same_quantity = check.same_quantity()?;
        let lints = reach::resolve(place, &definition, &cells)?;
        let versions = versions::of(&definition, &cells);
        let content = content_digest(files);
        Ok(Self {
            definition,
            cells,
            correlations,
            layouts,
            derived,
            same_quantity,
            lints,
            versions,
            content,
        })
    }

    /// Everything that `suite.toml` says.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Short id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.definition.id.get_ref()
    }

    /// Printed cells in file order.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Printed and derived correlations in file order.
    #[must_use]
    pub fn correlations(&self) -> &[CorrelationRow] {
        &self.correlations
    }

    /// What `retally run` measures; `None` if this suite can only be reported.
    #[must_use]
    pub fn run_plan(&self) -> Option<&RunPlan> {
        self.definition.run.as_ref()
    }

    /// What `retally run --miniature` measures; `None` if this suite has no miniature.
    #[must_use]
    pub fn miniature(&self) -> Option<&MiniaturePlan> {
        self.definition.miniature.as_ref().map(Spanned::get_ref)
    }

    /// The digest of the suite's files (see [`crate::lock`]).
    #[must_use]
    pub fn content_digest(&self) -> &Digest {
        &self.content
    }

    /// The printed coefficient that a panel recomputes.
    pub(crate) fn claim(&self, panel: &Panel) -> Option<&CorrelationRow> {
        let figure = panel.claim.as_ref()?.get_ref();
        self.correlations.iter().find(|row| is_claim(row, figure, panel))
    }

    /// The coefficients that derived claims recompute.
    pub(crate) fn derived_correlations(&self) -> impl Iterator<Item = &CorrelationRow> {
        let claims = self.derived.iter().flat_map(|group| &group.claims);
        claims.filter_map(|claim| match claim.stated {
            StatedAt::Correlation(index) => self.correlations.get(index),
            StatedAt::Cell(_) => None,
        })
    }

    /// A cell as reports show it, with what it was derived from.
    pub(crate) fn reported(&self, cell: usize) -> ReportedValue {
        let mut lints = self.definition.reachability.iter().zip(&self.lints);
        let reach = lints.find_map(|(lint, resolved)| {
            resolved.finding(cell).map(|found| reach::printed(lint, found))
        });
        ReportedValue { basis: self.basis(cell), reach, ..self.cells[cell].reported() }
    }

    /// The version of the paper that prints a cell, where another version prints another number there.
    pub(crate) fn version(&self, cell: usize) -> Option<&str> {
        let [table, row, column] = self.place_of(cell)?;
        let entry = self.layouts[table].rows[row].entries[column].printed();
        let conflict = versions::in_conflict(&self.versions, entry);
        let (version, _) = conflict.into_iter().find(|(_, own)| *own == cell)?;
        Some(self.definition.versions[version].label.get_ref())
    }

    /// The weakest provenance behind a cell that we derived, where a derived claim says from what.
    fn basis(&self, cell: usize) -> Option<Provenance> {
        if self.cells[cell].provenance != Provenance::Derived {
            return None;
        }
        let claims = self.derived.iter().flat_map(|group| &group.claims);
        let own = claims.filter(|claim| claim.stated == StatedAt::Cell(cell));
        let inputs: Vec<usize> = own.flat_map(|claim| claim.by.cells()).collect();
        derived::weakest(inputs.iter().map(|&input| self.cells[input].provenance))
    }

    /// The table, row and column of the layouts that show a cell as their own.
    pub(crate) fn place_of(&self, cell: usize) -> Option<[usize; 3]> {
        self.layouts.iter().enumerate().find_map(|(table, layout)| {
            let own = layout.rows.iter().enumerate().filter(|(_, row)| !row.is_reference);
            own.into_iter().find_map(|(row, laid)| {
                let column =
                    laid.entries.iter().position(|entry| entry.printed().contains(&cell))?;
                Some([table, row, column])
            })
        })
    }

    /// The cell that a place of a table is judged by: that of the newest version, which is the paper's last word.
    pub(crate) fn judged(&self, entry: &LaidEntry) -> Option<usize> {
        let printed = entry.printed();
        let conflict = versions::in_conflict(&self.versions, printed);
        conflict.last().map(|(_, cell)| *cell).or_else(|| printed.first().copied())
    }

    /// For the anchor of every printed cell in a table, the cell that it is judged by.
    #[must_use]
    pub fn anchored_cells(&self) -> BTreeMap<String, &Cell> {
        let mut anchored = BTreeMap::new();
        for (table, layout) in self.definition.tables.iter().zip(&self.layouts) {
            for row in layout.rows.iter().filter(|row| !row.is_reference) {
                for (column, entry) in layout.columns.iter().zip(&row.entries) {
                    let anchor = layout::column_anchor(&layout.columns, column);
                    let id = labels::cell_id(table.id.get_ref(), &row.key, &anchor);
                    let cell = self.judged(entry).and_then(|index| self.cells.get(index));
                    anchored.extend(cell.map(|cell| (id, cell)));
                }
            }
        }
        anchored
    }

    /// The printed cells of a figure's points: for each row key, in file order, the cells of that row.
    pub(crate) fn point_rows(&self, table: &str) -> Vec<(&str, Vec<&Cell>)> {
        point_rows(&self.cells, table)
    }
}

fn point_rows<'a>(cells: &'a [Cell], table: &str) -> Vec<(&'a str, Vec<&'a Cell>)> {
    let mut rows: Vec<(&str, Vec<&Cell>)> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.table == table) {
        match rows.iter_mut().find(|(key, _)| *key == cell.row) {
            Some((_, row)) => row.push(cell),
            None => rows.push((&cell.row, vec![cell])),
        }
    }
    rows
}

fn is_claim(row: &CorrelationRow, figure: &str, panel: &Panel) -> bool {
    row.figure == figure
        && row.x == *panel.x.get_ref()
        && row.y == *panel.y.get_ref()
        && matches!(row.coefficient.as_str(), "pearson" | "unspecified")
}

/// Cells and correlations of all data files, in the order of the files.
fn read_data(files: SuiteFiles<'_>) -> Result<(Vec<Cell>, Vec<CorrelationRow>), SuiteError> {
    let (cells_file, cells_text) = files.cells.unzip();
    let cells_file = cells_file.unwrap_or("cells.csv");
    let mut cells =
        cells_text.map_or(Ok(Vec::new()), |text| cells::read_cells(cells_file, text))?;
    let mut correlations = files
        .correlations
        .map_or(Ok(Vec::new()), |text| cells::read_correlations(CORRELATIONS_FILE, text))?;
    for further in files.further {
        let FurtherData { folder, .. } = further;
        let own = cells::read_cells(&format!("{folder}/cells.csv"), further.cells)?;
        cells.extend(
            own.into_iter().map(|cell| Cell { table: format!("{folder}-{}", cell.table), ..cell }),
        );
        let file = format!("{folder}/{CORRELATIONS_FILE}");
        let own = cells::read_correlations(&file, further.correlations)?;
        correlations.extend(
            own.into_iter()
                .map(|row| CorrelationRow { figure: format!("{folder}-{}", row.figure), ..row }),
        );
    }
    Ok((cells, correlations))
}

fn content_digest(files: SuiteFiles<'_>) -> Digest {
    let named = |name: &str, text| (name.to_owned(), text);
    let mut listed = vec![named(DEFINITION_FILE, files.definition)];
    listed.extend(files.cells.map(|(name, text)| named(name, text)));
    listed.extend(files.correlations.map(|text| named(CORRELATIONS_FILE, text)));
    for FurtherData { folder, cells, correlations } in files.further {
        listed.push((format!("{folder}/cells.csv"), cells));
        listed.push((format!("{folder}/{CORRELATIONS_FILE}"), correlations));
    }
    lock::content_digest(listed.iter().map(|(name, text)| (name.as_str(), *text)))
}

fn cell_error(cell: &Cell, problem: String) -> SuiteError {
    CellsError { file: cell.file.clone(), line: cell.line, problem }.into()
}

/// The checks that need both the definition and the data.
#[derive(Clone, Copy)]
struct DataCheck<'a> {
    definition: &'a Definition,
    place: DefinitionText<'a>,
    cells: &'a [Cell],
    correlations: &'a [CorrelationRow],
}

impl DataCheck<'_> {
    fn layouts(&self) -> Result<Vec<Layout>, SuiteError> {
        let input =
            LayoutInput { definition: self.definition, place: self.place, cells: self.cells };
        let layouts: Vec<Layout> = self
            .definition
            .tables
            .iter()
            .map(|table| input.lay_out(table))
            .collect::<Result<_, _>>()?;
        let mut shown = vec![0_usize; self.cells.len()];
        let rows = layouts.iter().flat_map(|layout| &layout.rows).filter(|row| !row.is_reference);
        let places = rows.flat_map(|row| &row.entries).flat_map(LaidEntry::printed);
        places.for_each(|&index| shown[index] += 1);
        match shown.iter().position(|&times| times != 1) {
            None => Ok(layouts),
            Some(index) => {
                let (cell, times) = (&self.cells[index], shown[index]);
                let problem = format!(
                    "{} [[table]]s of the suite show `{}`; expected exactly one",
                    times, cell.table
                );
                Err(cell_error(cell, problem))
            }
        }
    }

    /// A number read off a figure states how far it may be off, unless its table says that it was read by eye.
    fn tolerances(&self, layouts: &[Layout]) -> Result<(), SuiteError> {
        for (table, layout) in self.definition.tables.iter().zip(layouts) {
            let own = layout.rows.iter().filter(|row| !row.is_reference);
            let mut shown = own.flat_map(|row| &row.entries).flat_map(LaidEntry::printed);
            let lacking = shown.find(|&&index| self.cells[index].lacks_tolerance());
            if let Some(&index) = lacking.filter(|_| !table.read_by_eye) {
                let problem = "a digitised cell must state its tolerance in the note, as `tol=0.012`; or its table says \
                               `read_by_eye = true`";
                return Err(cell_error(&self.cells[index], problem.to_owned()));
            }
        }
        Ok(())
    }

    /// No two cells may share an anchor.
    fn anchors(&self, layouts: &[Layout]) -> Result<(), SuiteError> {
        for (table, layout) in self.definition.tables.iter().zip(layouts) {
            let mut seen = BTreeSet::new();
            for row in &layout.rows {
                for column in &layout.columns {
                    let anchor = layout::column_anchor(&layout.columns, column);
                    let id = labels::cell_id(table.id.get_ref(), &row.key, &anchor);
                    if !seen.insert(id.clone()) {
                        let problem = format!(
                            "two cells of this table would have the anchor `{id}`; rename a key"
                        );
                        return Err(self.place.error(table.id.span(), problem).into());
                    }
                }
            }
        }
        Ok(())
    }

    fn derived(&self) -> Result<Vec<ResolvedGroup>, SuiteError> {
        let resolver =
            Resolver { place: self.place, cells: self.cells, correlations: self.correlations };
        let groups = self.definition.derived.iter().map(|group| resolver.group(group));
        Ok(groups.collect::<Result<_, _>>()?)
    }

    fn same_quantity(&self) -> Result<BTreeMap<usize, Vec<usize>>, SuiteError> {
        let mut others: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for same in &self.definition.same_quantity {
            let mut group = Vec::new();
            for place in &same.cells {
                group.extend(self.positions(place)?);
            }
            for &index in &group {
                others
                    .entry(index)
                    .or_default()
                    .extend(group.iter().copied().filter(|&other| other != index));
            }
        }
        Ok(others)
    }

    fn positions(&self, text: &Spanned<String>) -> Result<Vec<usize>, SuiteError> {
        let place = CellPlace::parse(text.get_ref()).ok_or_else(|| {
            self.place.error(
                text.span(),
                "expected `table / row / column`, as `table-2 / DINOv2-B|REPA / gFID`",
            )
        })?;
        let hits: Vec<usize> =
            (0..self.cells.len()).filter(|&index| place.holds(&self.cells[index])).collect();
        if hits.is_empty() {
            return Err(self.place.error(text.span(), "no cell stands there").into());
        }
        Ok(hits)
    }
}
