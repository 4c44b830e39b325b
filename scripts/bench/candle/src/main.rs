//! Times candle's PaliGemma on a checkpoint, for comparison with pgcli bench.
//!
//!     go run ./scripts/synthetic -variant paligemma-3b-224 -shards 3 -o CHECKPOINT
//!     cd scripts/bench/candle
//!     RUSTFLAGS="-C target-cpu=native" cargo build --release --locked
//!     RAYON_NUM_THREADS=2 target/release/bench-candle CHECKPOINT [DTYPE=f32] [RUNS=5] [PROMPT=14] [ANSWER=16]
//!
//! DTYPE is f32, f16 or bf16. bf16 fails with "unsupported dtype BF16 for op matmul": candle 0.11.1 has no
//! bf16 convolution on the CPU. The program prints the time from the pixels of a picture to the first token, and
//! the tokens a second after it. f32 takes 12 GB of memory. candle divides soft tokens by their norm and multiplies
//! them by the root of the width, which other programs do not, so its answers differ, but it does the same work.

use candle_core::{bail, DType, Device, Error, Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::paligemma::{Config, Model};
use serde_json::{json, Value};
use std::{env, fs, path::Path, path::PathBuf, time::Instant};

/// The version that Cargo.toml pins.
const CANDLE: &str = "0.11.1";

/// The checkpoint's config.json, with the defaults added that Hugging Face leaves out and candle requires.
fn config(folder: &Path) -> Result<Config> {
    let path = folder.join("config.json");
    let text = fs::read_to_string(&path).map_err(|e| Error::msg(format!("{}: {e}", path.display())))?;
    let mut value: Value = serde_json::from_str(&text).map_err(Error::wrap)?;
    let defaults = json!({"attention_bias": false, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0, "max_position_embeddings": 8192});
    let Some(text_config) = value["text_config"].as_object_mut() else { bail!("{}: no text_config", path.display()) };
    for (key, default) in defaults.as_object().unwrap() {
        text_config.entry(key).or_insert_with(|| default.clone());
    }
    serde_json::from_value(value).map_err(|e| Error::msg(format!("{}: {e}", path.display())))
}

fn weights(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|e| e == "safetensors"));
    if files.is_empty() {
        bail!("{} has no .safetensors", folder.display())
    }
    Ok(files)
}

/// The likeliest token, as input for the next step, and its logit. Fails if a logit is not finite.
fn likeliest(logits: &Tensor) -> Result<(Tensor, f32)> {
    let logits = logits.flatten_all()?.to_dtype(DType::F32)?;
    let sum = logits.sum_all()?.to_scalar::<f32>()?;
    if !sum.is_finite() {
        bail!("the logits add up to {sum}, want a number")
    }
    Ok((logits.argmax(0)?.reshape((1, 1))?, logits.max(0)?.to_scalar()?))
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0
}

fn number(args: &[String], at: usize, name: &str, default: usize) -> Result<usize> {
    match args.get(at).map(|s| s.parse()) {
        None => Ok(default),
        Some(Ok(n)) if n > 0 => Ok(n),
        _ => bail!("{name} is {:?}, want a number above 0", args[at]),
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.is_empty() || args.len() > 5 {
        bail!("usage: bench-candle CHECKPOINT [DTYPE=f32] [RUNS=5] [PROMPT=14] [ANSWER=16]")
    }
    let dtype = match args.get(1).map_or("f32", String::as_str) {
        "f32" => DType::F32,
        "f16" => DType::F16,
        "bf16" => DType::BF16,
        other => bail!("DTYPE is {other:?}, want f32, f16 or bf16"),
    };
    let (runs, prompt) = (number(&args, 2, "RUNS", 5)?, number(&args, 3, "PROMPT", 14)?);
    let answer = number(&args, 4, "ANSWER", 16)?;

    let folder = Path::new(&args[0]);
    let config = config(folder)?;
    let side = config.vision_config.image_size;
    // Safe as long as the mapped files do not change: nobody writes to a checkpoint while it is measured.
    let vars = unsafe { VarBuilder::from_mmaped_safetensors(&weights(folder)?, dtype, &Device::Cpu)? };
    let mut model = Model::new(&config, vars)?;
    let pixels: Vec<f32> = (0..3 * side * side).map(|i| (i % 255) as f32 / 127.0 - 1.0).collect();
    let pixels = Tensor::from_vec(pixels, (1, 3, side, side), &Device::Cpu)?.to_dtype(dtype)?;
    let ids = Tensor::arange(1000u32, 1000 + prompt as u32, &Device::Cpu)?.unsqueeze(0)?;
    let (threads, patches) = (candle_core::utils::get_num_threads(), config.vision_config.num_patches());
    println!("candle {CANDLE}, {threads} threads, {dtype:?}, {patches} picture tokens and {prompt} of a prompt");

    let (mut firsts, mut others) = (vec![], vec![]);
    // The first run warms up.
    for run in 0..=runs {
        let start = Instant::now();
        let (mut token, highest) = likeliest(&model.setup(&pixels, &ids)?)?;
        let first = start.elapsed().as_secs_f64();
        let start = Instant::now();
        for _ in 0..answer {
            token = likeliest(&model.forward(&token)?)?.0;
        }
        if run > 0 {
            firsts.push(first);
            others.push(start.elapsed().as_secs_f64() / answer as f64);
        } else {
            let last = token.flatten_all()?.to_vec1::<u32>()?[0];
            println!("highest first logit {highest:.6}, last token {last}");
        }
    }
    let (first, rate) = (1000.0 * median(&firsts), 1.0 / median(&others));
    println!("first token median {first:.0} ms, then {rate:.2} tokens/s, of {runs} runs");
    Ok(())
}
