// How the commands write their results.

import Table from 'cli-table3';

/** Writes and waits until it is on its way, so that it streams and a closed pipe is noticed. */
export function write(stream: NodeJS.WritableStream, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** The reader of our output has gone, as `head` does: no error for the one who writes. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

/** A table without colours and without lines between its rows. */
export function plainTable(): Table.Table {
  return new Table({
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
}
