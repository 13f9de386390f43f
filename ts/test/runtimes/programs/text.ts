/** The language model of the examples in any runtime: the model travels inside the bundle, so that no file is read. */

import { init, runtimeInfo, shutdown } from 'entmax';
import config from '../../../../examples/language-model/model/config.json' with { type: 'json' };
import weights from '../../../../examples/language-model/model/model.safetensors';
import { generate } from '../../../../examples/language-model/generate.ts';
import { loadModel } from '../../../../examples/language-model/load-model.ts';
import { report } from '../driver/report.ts';

export interface TextSettings {
  /** The text is generated once with each thread count, in this order. */
  readonly threads: readonly number[];
  readonly seed: number;
  readonly tokens: number;
}

export interface TextReport {
  readonly threads: number;
  readonly text: string;
}

await report(async ({ threads, seed, tokens }: TextSettings): Promise<TextReport[]> => {
  const model = loadModel(JSON.stringify(config), weights);
  const reports: TextReport[] = [];
  for (const requested of threads) {
    await init({ threads: requested });
    const text = [...generate(model, { prompt: 'ROMEO:\n', tokens, seed })].join('');
    reports.push({ threads: runtimeInfo().threads, text });
    await shutdown();
  }
  return reports;
});
