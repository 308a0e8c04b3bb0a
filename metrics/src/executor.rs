//! The threads that a metric is given.
//!
//! A metric cuts its work into tasks whose number and borders depend on the input alone, and puts the results together in
//! task order; so its result is the same bits whatever the executor does.

use std::sync::{Mutex, OnceLock, PoisonError};

/// Runs independent tasks, perhaps side by side.
pub trait Executor: Sync {
    /// Calls `task` once for every number in `0..count`, in any order and on any thread, and returns when all are done.
    fn for_each(&self, count: usize, task: &(dyn Fn(usize) + Sync));
}

/// One task after the other, on the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequential;

impl Executor for Sequential {
    fn for_each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(task);
    }
}

/// The results of `count` tasks, in task order.
pub fn map<T: Send + Sync>(
    executor: &dyn Executor,
    count: usize,
    task: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let slots: Vec<OnceLock<T>> = (0..count).map(|_| OnceLock::new()).collect();
    executor.for_each(count, &|index| {
        slots[index].get_or_init(|| task(index));
    });
    let results: Vec<T> = slots.into_iter().filter_map(OnceLock::into_inner).collect();
    debug_assert_eq!(results.len(), count, "an executor has to run every task");
    results
}

/// Hands every part, with its index, to a task that may change it.
pub fn for_each_part<T: Send>(
    executor: &dyn Executor,
    parts: impl IntoIterator<Item = T>,
    task: impl Fn(usize, &mut T) + Sync,
) {
    // Nobody waits for these locks: each part is asked for once.
    let parts: Vec<Mutex<T>> = parts.into_iter().map(Mutex::new).collect();
    executor.for_each(parts.len(), &|index| {
        task(index, &mut parts[index].lock().unwrap_or_else(PoisonError::into_inner));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Backwards, on as many threads as there are tasks.
    struct Scrambled;

    impl Executor for Scrambled {
        fn for_each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
            std::thread::scope(|scope| {
                for index in (0..count).rev() {
                    scope.spawn(move || task(index));
                }
            });
        }
    }

    #[test]
    fn results_are_in_task_order() {
        let expected: Vec<usize> = (0..20).map(|index| index * index).collect();
        for executor in [&Sequential as &dyn Executor, &Scrambled] {
            assert_eq!(map(executor, 20, |index| index * index), expected);
        }
        assert!(map(&Sequential, 0, |index| index).is_empty());
    }

    #[test]
    fn every_part_is_changed_once() {
        for executor in [&Sequential as &dyn Executor, &Scrambled] {
            let mut values = vec![0; 10];
            for_each_part(executor, values.chunks_mut(4), |index, part| {
                part.iter_mut().for_each(|value| *value += index + 1);
            });
            assert_eq!(values, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]);
        }
    }
}
