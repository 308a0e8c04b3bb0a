//! The subjects and disciplines of MMMU.

/// A discipline and its subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discipline {
    /// Its name in results.
    pub name: &'static str,
    /// Its subjects, as in the ids of questions.
    pub subjects: &'static [&'static str],
}

/// The six disciplines with 30 subjects.
pub const DISCIPLINES: [Discipline; 6] = [
    Discipline { name: "Art and Design", subjects: &["Art", "Art_Theory", "Design", "Music"] },
    Discipline {
        name: "Business",
        subjects: &["Accounting", "Economics", "Finance", "Manage", "Marketing"],
    },
    Discipline {
        name: "Science",
        subjects: &["Biology", "Chemistry", "Geography", "Math", "Physics"],
    },
    Discipline {
        name: "Health and Medicine",
        subjects: &[
            "Basic_Medical_Science",
            "Clinical_Medicine",
            "Diagnostics_and_Laboratory_Medicine",
            "Pharmacy",
            "Public_Health",
        ],
    },
    Discipline {
        name: "Humanities and Social Science",
        subjects: &["History", "Literature", "Sociology", "Psychology"],
    },
    Discipline {
        name: "Tech and Engineering",
        subjects: &[
            "Agriculture",
            "Architecture_and_Engineering",
            "Computer_Science",
            "Electronics",
            "Energy_and_Power",
            "Materials",
            "Mechanical_Engineering",
        ],
    },
];

/// The subject in a question's id: `Accounting` of `validation_Accounting_1`, all between the first and the last underscore. `None` with fewer than two.
#[must_use]
pub fn subject_of(id: &str) -> Option<&str> {
    let (_, rest) = id.split_once('_')?;
    rest.rsplit_once('_').map(|(subject, _)| subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_subjects() {
        assert_eq!(
            DISCIPLINES.iter().map(|discipline| discipline.subjects.len()).sum::<usize>(),
            30
        );
        assert_eq!(subject_of("validation_Energy_and_Power_12"), Some("Energy_and_Power"));
        assert_eq!(subject_of("dev_1"), None);
    }
}
