//! Papers as data: printed cells, tables, figures, verdicts.
