//! One simulated day at Wisenet.
//!
//! About one enrolment in a hundred changes, a few are added, one or two unit enrolments and one course enrolment
//! are deleted. Every event is in the audit log, so a mirror can follow without a full reading; those of `side` may not be.

use super::side;
use super::times::{DAY, now_of, tick};
use super::world::{Action, Entity, World};
use crate::edits::Change;
use crate::random::Random;

impl World {
    /// Simulates one day; all change times are within that day.
    pub fn simulate_day(&mut self) {
        self.day += 1;
        let mut random = Random::of(self.seed, "wisenet.churn", self.day);
        for entity in [Entity::CourseEnrolment, Entity::UnitEnrolment] {
            self.change_some(
                entity,
                self.rows(entity).len() as u64 / 100 + 1,
                &mut random,
            );
        }
        let learners = 1 + random.below(3);
        self.change_some(Entity::Learner, learners, &mut random);
        self.add_some(&mut random);
        for _ in 0..1 + random.below(2) {
            if let Some(unit) = self.random_id(Entity::UnitEnrolment, &mut random) {
                let at = self.random_time(&mut random);
                self.remove(Entity::UnitEnrolment, unit, at);
            }
        }
        if let Some(course) = self.random_id(Entity::CourseEnrolment, &mut random) {
            let at = self.random_time(&mut random);
            self.remove_course_enrolment(course, at);
        }
        self.simulate_side();
    }

    /// Changes or deletes the row at a position; the last change time of the day.
    pub(super) fn edit(&mut self, entity: Entity, change: Change) -> Option<()> {
        let at = now_of(self.day);
        let (Change::Touch(index) | Change::Delete(index)) = change else {
            return None;
        };
        let id = self.rows(entity).get(index)?.id;
        match change {
            Change::Touch(_) => self.touch(entity, id, at),
            _ if entity == Entity::CourseEnrolment => self.remove_course_enrolment(id, at),
            _ => self.remove(entity, id, at),
        }
        Some(())
    }

    /// Saves a row again.
    pub(super) fn touch(&mut self, entity: Entity, id: u64, at: i64) {
        let rows = &mut self.tables[entity as usize];
        if let Ok(index) = rows.binary_search_by_key(&id, |row| row.id) {
            rows[index].stamp = at;
            rows[index].version += 1;
            rows[index].action = Action::Update;
            self.log(entity, id, Action::Update, at);
        }
    }

    pub(super) fn remove(&mut self, entity: Entity, id: u64, at: i64) {
        for child in side::children(entity) {
            let rows = self.rows(*child).iter().filter(|row| row.links[0] == id);
            let ids: Vec<u64> = rows.map(|row| row.id).collect();
            for id in ids {
                self.remove(*child, id, at);
            }
        }
        self.tables[entity as usize].retain(|row| row.id != id);
        self.log(entity, id, Action::Delete, at);
    }

    /// Deletes the unit enrolments first, as the vendor requires (wisenet.md 8 rule 4).
    pub(super) fn remove_course_enrolment(&mut self, id: u64, at: i64) {
        let units: Vec<u64> = self
            .rows(Entity::UnitEnrolment)
            .iter()
            .filter(|row| row.links[0] == id)
            .map(|row| row.id)
            .collect();
        for unit in units {
            self.remove(Entity::UnitEnrolment, unit, at);
        }
        self.remove(Entity::CourseEnrolment, id, at);
    }

    pub(super) fn change_some(&mut self, entity: Entity, count: u64, random: &mut Random) {
        for _ in 0..count {
            if let Some(id) = self.random_id(entity, random) {
                let at = self.random_time(random);
                self.touch(entity, id, at);
            }
        }
    }

    fn add_some(&mut self, random: &mut Random) {
        let learners = self.rows(Entity::Learner).len() as u64;
        let offers = self.rows(Entity::CourseOffer).len() as u64;
        for _ in 0..if learners == 0 { 0 } else { 1 + learners / 300 } {
            let (learner, offer) = (random.below(learners), random.below(offers));
            let at = self.random_time(random);
            let id = self.enrol(learner, offer, random, at, at);
            self.log(Entity::CourseEnrolment, id, Action::Insert, at);
            let rows = self.rows(Entity::UnitEnrolment).iter().rev();
            let units: Vec<u64> = rows
                .take_while(|row| row.links[0] == id)
                .map(|row| row.id)
                .collect();
            for unit in units {
                self.log(Entity::UnitEnrolment, unit, Action::Insert, at);
            }
        }
    }

    pub(super) fn random_id(&self, entity: Entity, random: &mut Random) -> Option<u64> {
        let rows = self.rows(entity);
        rows.get(random.below(rows.len() as u64) as usize)
            .map(|row| row.id)
    }

    pub(super) fn random_time(&self, random: &mut Random) -> i64 {
        tick(now_of(self.day) - random.below(DAY as u64) as i64)
    }
}
