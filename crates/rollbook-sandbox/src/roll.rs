//! The people of the school on each day: some churn every day, the same at every vendor.
//!
//! Each day about one person in a hundred changes, a few students leave, and as many new ones join
//! under numbers that were never used before.

use super::random::Random;
use super::school::{Role, School};

/// A present or former person of the school.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Role at the school.
    pub role: Role,
    /// Position among all people of this role.
    pub number: u64,
    /// Day of joining; zero for the initial people.
    pub joined: u64,
    /// Number of changes since joining.
    pub changes: u64,
    /// Day of the last change, or of joining.
    pub changed: u64,
    /// Day of leaving; none while present.
    pub left: Option<u64>,
}

impl School {
    /// All present and former people up to this day, in order of joining.
    pub fn roll(&self, day: u64) -> Vec<Member> {
        let starters = [
            (Role::Teacher, self.teachers()),
            (Role::Student, self.students),
            (Role::Parent, self.parents()),
        ];
        let mut members: Vec<Member> = starters
            .into_iter()
            .flat_map(|(role, count)| (0..count).map(move |number| Member::new(role, number, 0)))
            .collect();
        let mut next_student = self.students;
        for today in 1..=day {
            self.simulate_day(today, &mut members, &mut next_student);
        }
        members
    }

    fn simulate_day(&self, today: u64, members: &mut Vec<Member>, next_student: &mut u64) {
        let mut random = Random::of(self.seed, "churn", today);
        let leaving = (self.students / 300).max(1).min(self.students);
        let changing = (members.len() as u64 / 100).max(1);
        for _ in 0..leaving {
            if let Some(student) =
                random_member(members, &mut random, |member| member.role == Role::Student)
            {
                student.left = Some(today);
                student.changed = today;
            }
        }
        for _ in 0..changing {
            if let Some(member) = random_member(members, &mut random, |_| true) {
                member.changes += 1;
                member.changed = today;
            }
        }
        for _ in 0..leaving {
            members.push(Member::new(Role::Student, *next_student, today));
            *next_student += 1;
        }
    }
}

impl Member {
    fn new(role: Role, number: u64, day: u64) -> Self {
        Self {
            role,
            number,
            joined: day,
            changes: 0,
            changed: day,
            left: None,
        }
    }
}

/// A random present member that fits; none after a hundred unsuccessful draws.
fn random_member<'a>(
    members: &'a mut [Member],
    random: &mut Random,
    fits: impl Fn(&Member) -> bool,
) -> Option<&'a mut Member> {
    let index = (0..100)
        .map(|_| random.below(members.len() as u64) as usize)
        .find(|index| {
            members
                .get(*index)
                .is_some_and(|member| member.left.is_none() && fits(member))
        })?;
    members.get_mut(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(members: &[Member]) -> usize {
        members
            .iter()
            .filter(|member| member.left.is_none())
            .count()
    }

    #[test]
    fn a_day_changes_about_one_in_a_hundred_and_keeps_the_school_as_large() {
        let school = School {
            seed: 7,
            students: 600,
        };
        let (before, after) = (school.roll(4), school.roll(5));
        assert_eq!(present(&before), present(&after));
        assert_eq!(after.len(), before.len() + 2);
        let changed = before
            .iter()
            .zip(&after)
            .filter(|(old, new)| old != new)
            .count();
        assert!(
            (6..=12).contains(&changed),
            "{changed} of {} changed",
            before.len()
        );
        assert!(after.iter().all(|member| member.changed <= 5));
    }

    #[test]
    fn past_days_do_not_change() {
        let school = School {
            seed: 7,
            students: 120,
        };
        let (before, after) = (school.roll(9), school.roll(30));
        for (old, new) in before
            .iter()
            .zip(&after)
            .filter(|(_, new)| new.changed <= 9)
        {
            assert_eq!(old, new);
        }
    }

    #[test]
    fn a_school_without_students_has_no_churn() {
        assert_eq!(
            present(
                &School {
                    seed: 1,
                    students: 0
                }
                .roll(3)
            ),
            4
        );
    }
}
