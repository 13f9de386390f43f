/**
 * Reads the linker's map (`wasm-ld -Map`): which static lies where in linear memory.
 *
 * The map is the only place that knows statics which begin as zeros. They lie in .bss, which is no segment of the
 * module, so the file itself does not show them. A line has four columns, `address offset size name`, and the depth
 * of the name tells what it is:
 *
 *           -     1f98       59 DATA                                    the part of the file that we read
 *       a0048     1f98       18 .bss                                    a section
 *       a0048        0        4         crate.o:(.bss.COUNTER)          what an object file put into it
 *       a0048        0        4                 COUNTER                 a name that this bears
 */

/**
 * @typedef {object} Static
 * @property {string[]} names all symbols of this piece of data; the name of its input section where it has none
 * @property {number} address
 * @property {number} size bytes
 *
 * @typedef {object} DataSection
 * @property {string} name `.rodata`, `.data` or `.bss`
 * @property {number} address
 * @property {number} size bytes
 * @property {Static[]} statics
 */

const HEADER = /^\s*Addr\s+Off\s+Size\s+Out\s+In\s+Symbol\s*$/;
const LINE = /^\s*(?<address>-|[0-9a-f]+)\s+[0-9a-f]+\s+(?<size>[0-9a-f]+) (?<indent> *)(?<name>\S.*)$/;
const INPUT_DEPTH = 8;

/**
 * The sections of linear memory with every static in them. A map that looks different from what is described above
 * throws, because a checker that reads nothing would accept everything.
 *
 * @param {string} text
 * @returns {DataSection[]}
 */
export function readLinkerMap(text) {
  const lines = text.split('\n');
  if (!HEADER.test(lines[0] ?? ''))
    throw new Error(`linker map: expected the columns Addr Off Size Out In Symbol, got ${lines[0]}`);
  const rows = lines.map((line) => LINE.exec(line)?.groups);
  const data = rows.findIndex((row) => row?.name === 'DATA');
  if (data < 0) throw new Error('linker map: expected a part DATA, got none');
  /** @type {DataSection[]} */
  const sections = [];
  for (const { address = '-', size = '', indent = '', name = '' } of rows
    .slice(data + 1)
    .filter((row) => row !== undefined)) {
    if (address === '-') break; // the next part of the file
    const place = { address: parseInt(address, 16), size: parseInt(size, 16) };
    const section = sections.at(-1);
    if (indent === '') sections.push({ name, ...place, statics: [] });
    else if (indent.length === INPUT_DEPTH) section?.statics.push({ names: [], ...place, input: inParentheses(name) });
    else section?.statics.at(-1)?.names.push(name);
  }
  return sections.map(withNames);
}

/**
 * Gives the name of its input section to what has no symbol, and refuses a section in which nothing was found.
 *
 * @param {DataSection} section
 */
function withNames(section) {
  const found = section.statics.reduce((sum, { size }) => sum + size, 0);
  if (section.size > 0 && found === 0) throw new Error(`linker map: expected statics in ${section.name}, found none`);
  const statics = section.statics.map(({ names, address, size, input }) => ({
    names: names.length > 0 ? names : [input],
    address,
    size,
  }));
  return { ...section, statics };
}

/**
 * `/path/crate.o:(.bss.COUNTER)` without the path.
 *
 * @param {string} input
 */
function inParentheses(input) {
  return /\(([^()]*)\)$/.exec(input)?.[1] ?? input;
}
