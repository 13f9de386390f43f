/** What a peer is to the benchmark. One module per peer exports `open`; everything else here is what that gives back. */

export type MapName = 'softmax' | 'sparsemax' | 'entmax15' | 'copy';

/** Opens a peer once per run. */
export type Open = () => Promise<Peer>;

export interface Peer {
  engines: Engine[];
  /** Prepares for calls with so many threads; absent where there is only one. Resolves to how many there are. */
  useThreads?(threads: number): Promise<number>;
  /** Facts for the record: how it was built, which path runs. */
  about?(): object;
  close?(): Promise<void>;
}

/** One way of computing: a row of the tables. */
export interface Engine {
  id: string;
  label: string;
  /** 1 where absent. */
  threads?: number;
  /** The id of an engine whose output this one promises to repeat bit for bit; itself where absent. */
  sameBits?: string;
  /** Takes a copy of x, [rows, n]; undefined where the engine does not have this map. */
  prepare(map: MapName, x: Float32Array, n: number): Prepared | undefined;
}

export interface Prepared {
  /** The call that is timed: reads all of x, writes all of the output, allocates no result. */
  call(): void;
  /** The output as it lies in the engine's memory; writing to it changes it there. Valid until the next call. */
  output(): Float32Array;
  dispose(): void;
}
