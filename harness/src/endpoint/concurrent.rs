//! Work that waits for a server, on a bounded number of threads.

use crate::threads::spawn_scoped;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Applies `work` to each item on at most `limit` threads, and gives the results in the order of the items, whatever finished
/// first.
pub fn map_concurrently<Item: Sync, Output: Send>(
    limit: NonZeroUsize,
    items: &[Item],
    work: impl Fn(&Item) -> Output + Sync,
) -> Vec<Output> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, Output)>> = Mutex::new(Vec::with_capacity(items.len()));
    let worker = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            let output = work(item);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, output));
        }
    };
    std::thread::scope(|scope| {
        // This thread is one of them.
        for _ in 1..limit.get().min(items.len()) {
            // With fewer threads it takes longer, and no result is another one.
            if spawn_scoped(scope, worker).is_err() {
                break;
            }
        }
        worker();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, output)| output).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<u64> = (0..40).collect();
        for limit in [1, 3, 16, 100] {
            let limit = NonZeroUsize::new(limit).unwrap();
            let results = map_concurrently(limit, &items, |item| {
                std::thread::sleep(Duration::from_micros(40 - item));
                item * 2
            });
            assert_eq!(results, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
        assert!(map_concurrently(NonZeroUsize::MIN, &[], |(): &()| ()).is_empty());
    }

    #[test]
    fn the_limit_is_kept() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        map_concurrently(NonZeroUsize::new(4).unwrap(), &[(); 60], |()| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(1));
            running.fetch_sub(1, Ordering::SeqCst);
        });
        assert!(most.load(Ordering::SeqCst) <= 4);
    }
}
