//! Our kernels as a native program, for the benchmark: requests on standard input, answers on standard output, as
//! bench/peers/server.js describes. It has a clock of its own, so that a turn costs one exchange of lines.

mod task;

use std::io::{self, BufRead, BufReader, Read, Write};
use task::Task;

fn main() -> io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 20, io::stdin().lock());
    let mut output = io::stdout().lock();
    let mut tasks: Vec<(String, Task)> = Vec::new();
    let mut x: Vec<f32> = Vec::new();
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["about"] => {
                let avx2 = std::arch::is_x86_feature_detected!("avx2");
                writeln!(output, "{{\"block\":\"2 x 256 bits\",\"avx2\":{avx2}}}")?;
            }
            ["array", "x", "float32", length] => {
                x = floats(&mut input, number(length))?;
                writeln!(output, "ok")?;
            }
            ["prepare", id, operation, map, rows, n, settings @ ..] => {
                let shape = (number(rows), number(n));
                let answer = match Task::new(operation, map, settings, x.clone(), shape) {
                    Some(task) => {
                        tasks.push((id.to_string(), task));
                        "ok"
                    }
                    None => "missing",
                };
                writeln!(output, "{answer}")?;
            }
            ["time", id, milliseconds, calls] => {
                let task = find(&mut tasks, id);
                let samples = task.time(number(milliseconds), number(calls));
                let words: Vec<String> = samples.iter().map(u128::to_string).collect();
                writeln!(output, "{}", words.join(" "))?;
            }
            ["output", id] => {
                let values = &find(&mut tasks, id).out;
                writeln!(output, "{}", values.len())?;
                for value in values {
                    output.write_all(&value.to_le_bytes())?;
                }
                writeln!(output, "none")?;
            }
            ["clear", id] => {
                find(&mut tasks, id).out.fill(f32::NAN);
                writeln!(output, "ok")?;
            }
            ["forget"] => {
                tasks.clear();
                writeln!(output, "ok")?;
            }
            _ => writeln!(output, "error: unknown request {}", line.trim())?,
        }
        output.flush()?;
    }
}

fn find<'a>(tasks: &'a mut [(String, Task)], id: &str) -> &'a mut Task {
    let found = tasks.iter_mut().find(|(name, _)| name == id);
    &mut found.expect("a prepared task").1
}

fn number(word: &str) -> usize {
    word.parse().expect("a whole number")
}

fn floats(input: &mut impl Read, length: usize) -> io::Result<Vec<f32>> {
    let mut bytes = vec![0; 4 * length];
    input.read_exact(&mut bytes)?;
    let values = bytes.chunks_exact(4);
    Ok(values
        .map(|four| f32::from_le_bytes(four.try_into().expect("four bytes")))
        .collect())
}
