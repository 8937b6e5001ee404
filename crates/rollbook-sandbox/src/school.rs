//! The invented school that all three simulated vendors serve.
//!
//! There is no database: every person is derived from the seed and a number, so the size costs
//! nothing. As at a real school, a person has the same name, e-mail and birth date at every vendor,
//! but different ids.

use super::random::Random;

/// Role of a person at the school.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A student.
    Student,
    /// A teacher.
    Teacher,
    /// A parent of a student.
    Parent,
}

/// One invented person.
#[derive(Clone, Debug)]
pub struct Person {
    /// Position among all people of this role, from zero.
    pub number: u64,
    /// Role at the school.
    pub role: Role,
    /// Given name.
    pub given: String,
    /// Family name, some with an apostrophe, a blank or an umlaut.
    pub family: String,
    /// Lower-case address in the reserved domain `pausenhof.example`.
    pub email: String,
    /// Birth date as `YYYY-MM-DD`.
    pub born: String,
}

/// The school: its seed and size.
#[derive(Clone, Debug)]
pub struct School {
    /// The same seed gives the same school.
    pub seed: u64,
    /// Students on day zero.
    pub students: u64,
}

const GIVEN: &[&str] = &[
    "Ada", "Amir", "Anouk", "Ben", "Bree", "Chidi", "Clara", "Dario", "Elif", "Emil", "Fatima",
    "Finn", "Greta", "Hana", "Ida", "Ilias", "Jo-Ann", "Jonas", "Katrin", "Kiri", "Lena", "Liam",
    "Malu", "Mehmet", "Mira", "Noah", "Nora", "Orla", "Oskar", "Paula", "Quinn", "Rangi", "Rosa",
    "Samir", "Sean", "Tane", "Tilda", "Uli", "Vera", "Wiremu", "Xenia", "Yara", "Zoë",
];

const FAMILY: &[&str] = &[
    "Abel",
    "Baumgartner",
    "Chen",
    "Dvořák",
    "Eder",
    "Fennimore",
    "Gruber",
    "Hofer",
    "Ito",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Marchetti",
    "Müller",
    "Nguyen",
    "O'Brien",
    "Pichler",
    "Quast",
    "Rewiti",
    "Silva",
    "Tannberg",
    "Ünal",
    "van der Berg",
    "Wagner",
    "Yilmaz",
    "Zeller",
];

impl School {
    /// Number of teachers: about one for every twelve students, at least four.
    pub fn teachers(&self) -> u64 {
        (self.students / 12).max(4)
    }

    /// Number of parents with an account: about one for every three students.
    pub fn parents(&self) -> u64 {
        self.students / 3
    }

    /// The person with this role and number.
    pub fn person(&self, role: Role, number: u64) -> Person {
        let (label, youngest, span) = match role {
            Role::Student => ("student", 2004, 9),
            Role::Teacher => ("teacher", 1962, 38),
            Role::Parent => ("parent", 1968, 22),
        };
        let mut random = Random::of(self.seed, label, number);
        let given = (*random.pick(GIVEN)).to_owned();
        let family = (*random.pick(FAMILY)).to_owned();
        let letters: String = format!("{given}.{family}")
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '.')
            .collect();
        let email = format!(
            "{}.{}{number}@pausenhof.example",
            letters.to_lowercase(),
            &label[..1]
        );
        let born = format!(
            "{:04}-{:02}-{:02}",
            youngest + random.below(span),
            1 + random.below(12),
            1 + random.below(28)
        );
        Person {
            number,
            role,
            given,
            family,
            email,
            born,
        }
    }
}
