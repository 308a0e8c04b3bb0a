//! Decode threads and inference threads around a bounded queue.
//!
//! Batches are handed out in order, prepared on their own threads, run by the next free session and collected by the
//! caller. At most a few batches exist at a time, whatever the size of the data set.

use crate::failure::Failure;
use crate::threads::spawn_scoped;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Prepared units that may wait for each worker beside the one that it takes next, however many threads prepare them.
const BATCHES_AHEAD: usize = 4;

/// Runs `tasks` numbered units: `prepare` on `preparers` threads, then `work` with one of `workers`, then `collect` on the
/// calling thread, in the order of completion.
///
/// `proceed` is asked before each task is handed out; the first `false` ends the handing out. The first error of any stage
/// ends everything and is returned; what was collected before stays collected.
///
/// # Errors
/// The first error of a stage.
pub(crate) fn run<Prepared: Send, Done: Send, Worker: Send>(
    tasks: usize,
    preparers: usize,
    workers: Vec<Worker>,
    stages: Stages<
        impl Fn(usize) -> bool + Sync,
        impl Fn(usize) -> Result<Prepared, Failure> + Sync,
        impl Fn(&mut Worker, Prepared) -> Result<Done, Failure> + Sync,
        impl FnMut(usize, Done) -> Result<(), Failure>,
    >,
) -> Result<(), Failure> {
    let Stages { proceed, prepare, work, mut collect } = stages;
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let ahead = preparers.min(BATCHES_AHEAD * workers.len());
    let (prepared_sender, prepared_receiver) = sync_channel(workers.len() + ahead);
    let (done_sender, done_receiver) = sync_channel(workers.len());
    let prepared_receiver = Mutex::new(prepared_receiver);

    std::thread::scope(|scope| {
        let mut outcome = (|| {
            for _ in 0..preparers {
                let sender = prepared_sender.clone();
                let (next, stop, proceed, prepare) = (&next, &stop, &proceed, &prepare);
                spawn_scoped(scope, move || {
                    loop {
                        let task = next.fetch_add(1, Ordering::Relaxed);
                        if task >= tasks || stop.load(Ordering::Relaxed) || !proceed(task) {
                            return;
                        }
                        // A closed queue means that the other side has ended with an error.
                        if sender.send((task, prepare(task))).is_err() {
                            return;
                        }
                    }
                })?;
            }
            for mut worker in workers {
                let sender = done_sender.clone();
                let (receiver, work) = (&prepared_receiver, &work);
                spawn_scoped(scope, move || serve(&mut worker, receiver, &sender, work))?;
            }
            Ok(())
        })();
        drop(prepared_sender);
        drop(done_sender);
        if outcome.is_err() {
            // Threads that were started wait for places in the queues, and perhaps nobody takes anything out of the first.
            stop.store(true, Ordering::Relaxed);
            drain(&prepared_receiver);
        }

        for (task, done) in &done_receiver {
            // After an error the queues are drained, so that no thread waits for a place in them.
            if outcome.is_ok() {
                outcome = done.and_then(|done| collect(task, done));
                if outcome.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        }
        outcome
    })
}

fn drain<T>(receiver: &Mutex<Receiver<T>>) {
    if let Ok(queue) = receiver.lock() {
        queue.iter().for_each(drop);
    }
}

/// The stages of [`run`].
pub(crate) struct Stages<Proceed, Prepare, Work, Collect> {
    /// Whether a task is still wanted.
    pub(crate) proceed: Proceed,
    /// Makes a task's input.
    pub(crate) prepare: Prepare,
    /// Does the task.
    pub(crate) work: Work,
    /// Takes its result.
    pub(crate) collect: Collect,
}

type Numbered<T> = (usize, Result<T, Failure>);

fn serve<Prepared, Done, Worker>(
    worker: &mut Worker,
    receiver: &Mutex<Receiver<Numbered<Prepared>>>,
    sender: &SyncSender<Numbered<Done>>,
    work: &impl Fn(&mut Worker, Prepared) -> Result<Done, Failure>,
) {
    loop {
        // A poisoned lock means that another thread has panicked; the scope will carry the panic on.
        let Ok(received) = receiver.lock().map(|queue| queue.recv()) else { return };
        let Ok((task, prepared)) = received else { return };
        let done = prepared.and_then(|prepared| work(worker, prepared));
        if sender.send((task, done)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect_with(
        preparers: usize,
        workers: usize,
        fail_at: Option<usize>,
        stop_at: usize,
    ) -> (Vec<usize>, Result<(), Failure>) {
        let mut seen = Vec::new();
        let outcome = run(
            100,
            preparers,
            vec![(); workers],
            Stages {
                proceed: |task| task < stop_at,
                prepare: |task| Ok(task * 2),
                work: |(): &mut (), value| {
                    if fail_at == Some(value / 2) {
                        return Err(Failure::invalid("broken"));
                    }
                    Ok(value + 1)
                },
                collect: |task, done| {
                    assert_eq!(done, task * 2 + 1);
                    seen.push(task);
                    Ok(())
                },
            },
        );
        seen.sort_unstable();
        (seen, outcome)
    }

    #[test]
    fn every_task_is_done_once_for_any_number_of_threads() {
        for (preparers, workers) in [(1, 1), (1, 4), (3, 1), (4, 4)] {
            let (seen, outcome) = collect_with(preparers, workers, None, usize::MAX);
            assert!(outcome.is_ok());
            assert_eq!(seen, (0..100).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_ends_the_run_and_is_returned() {
        let (seen, outcome) = collect_with(2, 2, Some(40), usize::MAX);
        assert_eq!(outcome.unwrap_err().message(), "broken");
        assert!(seen.len() < 100 && !seen.contains(&40));
    }

    #[test]
    fn no_task_after_the_last_wanted_one_is_handed_out() {
        let (seen, outcome) = collect_with(2, 2, None, 17);
        assert!(outcome.is_ok());
        assert_eq!(seen, (0..17).collect::<Vec<_>>());
    }
}
