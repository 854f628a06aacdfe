//! Joins reading, following and writing: on one thread, or each on its own.
//!
//! Place in the flow: between the three. Both ways do the same steps in the same order, so their
//! output is the same; with three threads two bounded channels carry blocks and outputs forth, and two
//! carry the empty ones back. It refuses to hold more than a few of each.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::Context;
use indicatif::ProgressBar;

use super::blocks::{Block, Blocks};
use super::follow::{Counted, Follower};
use super::open::{detect, is_stdin, open};
use super::sink::{Sink, SinkError};
use crate::model::{Outputs, Source};

/// Blocks, and outputs, under way at once.
const UNDER_WAY: usize = 4;

/// The files, block by block.
pub(in crate::cli) struct Reading<'a> {
    files: std::slice::Iter<'a, PathBuf>,
    /// `None`: decided for each file.
    told: Option<Source>,
    progress: ProgressBar,
    current: Option<(&'a PathBuf, Blocks, Option<Source>)>,
}

impl<'a> Reading<'a> {
    pub(in crate::cli) fn new(
        files: &'a [PathBuf],
        told: Option<Source>,
        progress: ProgressBar,
    ) -> Reading<'a> {
        Reading {
            files: files.iter(),
            told,
            progress,
            current: None,
        }
    }

    /// False: all files have been read.
    fn next(&mut self, block: &mut Block) -> anyhow::Result<bool> {
        loop {
            if let Some((path, blocks, source)) = &mut self.current {
                let more = blocks
                    .next(block)
                    .with_context(|| format!("{}: cannot be read", path.display()))?;
                if more {
                    *source = source.or_else(|| detect(block.text()));
                    block.source = source.unwrap_or(Source::Audit);
                    return Ok(true);
                }
            }
            let Some(path) = self.files.next() else {
                return Ok(false);
            };
            let input = open(path, &self.progress)?;
            self.current = Some((path, Blocks::new(input, is_stdin(path)), self.told));
        }
    }
}

/// How it ended.
pub(super) struct Done {
    /// `None`: the reader of stdout went away.
    pub(super) counted: Option<Counted>,
    /// Why the files were not read to their end; what was read before is counted, and told.
    pub(super) failed: Option<anyhow::Error>,
}

fn quiet(result: Result<(), SinkError>) -> anyhow::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(SinkError::Closed) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn on_one_thread(
    mut reading: Reading<'_>,
    mut follower: Follower<'_>,
    mut sink: Sink,
) -> anyhow::Result<Done> {
    let mut block = Block::new();
    let mut out = Outputs::new();
    let read = loop {
        match reading.next(&mut block) {
            Ok(true) => {}
            end => break end,
        }
        let written = follower.block(&block, &mut out, |out| {
            sink.write(out)?;
            out.clear();
            Ok(())
        });
        if !quiet(written)? {
            return Ok(Done {
                counted: None,
                failed: None,
            });
        }
    };
    let counted = follower.finish(&mut out);
    let written = sink.write(&out).and_then(|()| sink.finish());
    Ok(Done {
        counted: quiet(written)?.then_some(counted),
        failed: read.err(),
    })
}

/// Gives all outputs to `take`, on this thread.
///
/// # Errors
/// A file that cannot be read; what was read before has been given.
pub(in crate::cli) fn through(
    mut reading: Reading<'_>,
    mut follower: Follower<'_>,
    mut take: impl FnMut(&Outputs),
) -> anyhow::Result<()> {
    let (mut block, mut out) = (Block::new(), Outputs::new());
    let read = loop {
        match reading.next(&mut block) {
            Ok(true) => {}
            end => break end.map(drop),
        }
        follower.block(&block, &mut out, |out| {
            take(out);
            out.clear();
            Ok::<_, anyhow::Error>(())
        })?;
    };
    follower.finish(&mut out);
    take(&out);
    read
}

/// A channel of its own is gone: the thread at its other end says why.
struct Gone;

pub(super) fn on_three_threads(
    reading: Reading<'_>,
    follower: Follower<'_>,
    sink: Sink,
) -> anyhow::Result<Done> {
    let (blocks, blocks_in) = sync_channel(UNDER_WAY);
    let (outputs, outputs_in) = sync_channel(UNDER_WAY);
    let (empty_blocks, empty_blocks_in) = sync_channel(UNDER_WAY + 2);
    let (empty_outputs, empty_outputs_in) = sync_channel(UNDER_WAY + 2);
    thread::scope(|scope| {
        let reader = scope.spawn(move || read(reading, &blocks, &empty_blocks_in));
        let writer = scope.spawn(move || write(sink, &outputs_in, &empty_outputs));
        let followed = follow(
            follower,
            &blocks_in,
            &empty_blocks,
            &outputs,
            &empty_outputs_in,
        );
        drop((blocks_in, outputs));
        let read = reader
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let written = writer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let whole = quiet(written)?;
        Ok(Done {
            counted: followed.ok().filter(|_| whole),
            failed: read.err(),
        })
    })
}

fn read(
    mut reading: Reading<'_>,
    blocks: &SyncSender<Option<Block>>,
    empty: &Receiver<Block>,
) -> anyhow::Result<()> {
    loop {
        let mut block = empty.try_recv().unwrap_or_else(|_| Block::new());
        let read = reading.next(&mut block);
        let more = matches!(read, Ok(true));
        if blocks.send(more.then_some(block)).is_err() || !more {
            return read.map(drop);
        }
    }
}

fn follow(
    mut follower: Follower<'_>,
    blocks: &Receiver<Option<Block>>,
    empty_blocks: &SyncSender<Block>,
    outputs: &SyncSender<Outputs>,
    empty: &Receiver<Outputs>,
) -> Result<Counted, Gone> {
    let hand_on = |out: &mut Outputs| {
        let next = empty.try_recv().unwrap_or_default();
        outputs.send(std::mem::replace(out, next)).map_err(|_| Gone)
    };
    let mut out = Outputs::new();
    // `None` is the end of the input, also where a file could not be read.
    while let Some(block) = blocks.recv().map_err(|_| Gone)? {
        follower.block(&block, &mut out, hand_on)?;
        // At the end nobody takes it back.
        let _ = empty_blocks.try_send(block);
    }
    let stats = follower.finish(&mut out);
    hand_on(&mut out)?;
    Ok(stats)
}

fn write(
    mut sink: Sink,
    outputs: &Receiver<Outputs>,
    empty: &SyncSender<Outputs>,
) -> Result<(), SinkError> {
    for mut out in outputs {
        sink.write(&out)?;
        out.clear();
        let _ = empty.try_send(out);
    }
    sink.finish()
}
