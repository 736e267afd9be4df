"""Checks that other programs read Headlight's exports, and that Headlight reads the models of other programs.

usage: interop.py HEADLIGHT DIRECTORY   (tests/interop/run calls it)

Every check prints one line. The first check that fails ends the script with an error.
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import gguf
import numpy as np
import safetensors.numpy
import tokenizers
import torch
import transformers

HEADLIGHT, WORK = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
HERE = os.path.dirname(os.path.abspath(__file__))
CONTEXT = 48
SENTENCE = "was it so , he said?\r\nthe cat é日🙂 .\n"
TOLERANCE = 1e-4
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def headlight(*words):
    done = subprocess.run([HEADLIGHT, *words], capture_output=True)
    if done.returncode != 0:
        sys.exit(f"headlight {' '.join(words)}\n{done.stderr.decode()}")
    return done.stdout.decode()


def check(what, holds, shown=""):
    print(f"{'ok  ' if holds else 'FAIL'}  {what}{'  ' + str(shown) if shown != '' else ''}", flush=True)
    if not holds:
        sys.exit(1)


def make_text():
    words = ["the cat", "sat on", "é日🙂", "a mat", "was it so?", "and, then", "naïve", "\r\n", "\n", " , he said!", "日本", "'tis"]
    rng = random.Random(3)
    with open("my.txt", "w", newline="", encoding="utf-8") as file:
        file.write(SENTENCE + " ".join(rng.choice(words) for _ in range(4000)))
    with open("sentence.txt", "w", newline="", encoding="utf-8") as file:
        file.write(SENTENCE + "the cat sat")


def train(name, *flags):
    headlight("train", "--data", "my.txt", "--out", name, "--preset", "micro", "--context", str(CONTEXT), "--steps", "150",
              "--eval-every", "150", "--force", *flags)


def logits_of(run):
    """The first window of sentence.txt: the tokens, and for each the logits of the next."""
    headlight("eval", run, "--data", "sentence.txt", "--windows", "1", "--logits", "logits.npz")
    found = np.load("logits.npz")
    known = int((found["targets"][0] >= 0).sum())
    return found["inputs"][0][:known], found["logits"][0][:known]


def difference(a, b):
    return float(np.abs(a - b).max())


def torch_logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor(ids, dtype=torch.long)[None]).logits[0].numpy()


def continued(run, prompt, count):
    return headlight("sample", run, "--prompt", prompt, "--temperature", "0", "--chars", str(count))[:-1]


def check_transformers(name):
    shutil.rmtree(f"{name}-hf", ignore_errors=True)
    headlight("export", name, "--to", "hf", "--out", f"{name}-hf")
    model = transformers.AutoModelForCausalLM.from_pretrained(f"{name}-hf")
    tokenizer = transformers.AutoTokenizer.from_pretrained(f"{name}-hf")
    ids, logits = logits_of(name)
    d = difference(torch_logits(model, ids), logits)
    check(f"{name}: transformers' logits", d < TOLERANCE, f"differ by {d:.1e}, the largest is {np.abs(logits).max():.1f}")
    text = open("sentence.txt", newline="", encoding="utf-8").read()
    tokens = tokenizer(text)["input_ids"]
    check(f"{name}: tokenization", tokens[: len(ids)] == ids.tolist() and tokenizer.decode(tokens) == text, f"{len(tokens)} tokens")
    everything = open("my.txt", newline="", encoding="utf-8").read()
    check(f"{name}: all of the text comes back", tokenizer.decode(tokenizer(everything)["input_ids"]) == everything)
    count = 20
    written = model.generate(**tokenizer("the cat", return_tensors="pt"), max_new_tokens=count, do_sample=False)[0]
    check(f"{name}: generate()", tokenizer.decode(written) == continued(name, "the cat", count), repr(tokenizer.decode(written)))


def check_import(what, source, model, *flags):
    shutil.rmtree("back", ignore_errors=True)
    headlight("import", source, "--out", "back", *flags)
    ids, logits = logits_of("back")
    d = difference(torch_logits(model, ids), logits)
    check(f"{what} arrives", d < TOLERANCE, f"logits differ by {d:.1e}, the largest is {np.abs(logits).max():.1f}")


def random_gpt2(**settings):
    text = open("my.txt", newline="", encoding="utf-8").read()
    characters = sorted(set(text))
    torch.manual_seed(5)
    config = transformers.GPT2Config(vocab_size=len(characters), n_positions=CONTEXT, n_embd=32, n_layer=2, n_head=4,
                                     bos_token_id=None, eos_token_id=None, initializer_range=0.3, **settings)
    model = transformers.GPT2LMHeadModel(config).eval()
    for p in model.parameters():  # also those that begin as zeros and ones
        torch.nn.init.normal_(p, 0.3 if p.dim() == 1 else 0, 0.3)
    model.tie_weights()
    return model, characters


def check_arrivals():
    for name, settings in {"gelu_new": {}, "gelu, output untied": dict(activation_function="gelu", tie_word_embeddings=False),
                           "relu, n_inner 40": dict(activation_function="relu", n_inner=40)}.items():
        model, characters = random_gpt2(**settings)
        shutil.rmtree("theirs", ignore_errors=True)
        model.save_pretrained("theirs")
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE({c: i for i, c in enumerate(characters)}, []))
        tokenizer.decoder = tokenizers.decoders.Fuse()
        transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained("theirs")
        check_import(f"a GPT-2 of transformers ({name})", "theirs", model)
    # Many published models are in half precision.
    model.half().save_pretrained("theirs")
    check_import("a GPT-2 in half precision", "theirs", transformers.AutoModelForCausalLM.from_pretrained("theirs", dtype="float32"))


def check_neox_arrives():
    """A GPT-NeoX of transformers with random weights, and with Headlight's rotary angles and residuals."""
    _, characters = random_gpt2()
    config = transformers.GPTNeoXConfig(vocab_size=len(characters), max_position_embeddings=CONTEXT, hidden_size=32,
                                        num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, rotary_pct=1.0,
                                        use_parallel_residual=False, bos_token_id=None, eos_token_id=None)
    model = transformers.GPTNeoXForCausalLM(config).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, 0.3 if p.dim() == 1 else 0, 0.3)
    shutil.rmtree("theirs", ignore_errors=True)
    model.save_pretrained("theirs")
    check_import("a GPT-NeoX of transformers", "theirs", model, "--vocabulary", "my.txt")


def check_nano_gpt():
    """A checkpoint as nanoGPT writes it, turned into safetensors by the line that `headlight import --help` shows."""
    model, _ = random_gpt2(activation_function="gelu")
    state = {}
    for key, value in model.state_dict().items():
        turned = key.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))
        state["_orig_mod." + key] = value.t().contiguous() if turned else value
    c = model.config
    torch.save({"model": state, "model_args": {"n_layer": c.n_layer, "n_head": c.n_head, "n_embd": c.n_embd, "block_size": CONTEXT,
                                               "bias": True, "vocab_size": c.vocab_size}}, "ckpt.pt")
    shown = headlight("import", "--help").split("line of Python:\n")[1]
    exec(re.sub(r"^ +", "", shown, flags=re.MULTILINE).strip(), {})
    check_import("nanoGPT's checkpoint", "ckpt.safetensors", model, "--vocabulary", "my.txt")


def check_numpy(name):
    headlight("export", name, "--to", "npz", "--out", "m.npz", "--force")
    shutil.rmtree("m-npy", ignore_errors=True)
    headlight("export", name, "--to", "npy", "--out", "m-npy")
    truth = safetensors.numpy.load_file(f"{name}/model.safetensors")
    with np.load("m.npz") as archive:
        check("numpy.load of npz", set(archive) == set(truth) | {"config.json"} and all(
            np.array_equal(archive[k], truth[k]) and archive[k].dtype == np.float32 for k in truth), f"{len(truth)} arrays")
        check("its config.json", json.loads(archive["config.json"])["settings"]["context"] == CONTEXT)
    check("numpy.load of npy", all(np.array_equal(np.load(f"m-npy/{k}.npy"), truth[k]) for k in truth))


def check_gguf(name):
    headlight("export", name, "--to", "gguf", "--out", f"{name}.gguf", "--force")
    reader = gguf.GGUFReader(f"{name}.gguf")
    value = lambda key: reader.fields[key].contents()
    tensors = {t.name: t.data for t in reader.tensors}
    truth = safetensors.numpy.load_file(f"{name}/model.safetensors")
    kind = "gptneox" if name == "rotary" else "gpt2"
    check(f"{name}: the gguf package reads it", value("general.architecture") == kind and value(f"{kind}.embedding_length") == 64
          and np.array_equal(tensors["blk.1.attn_qkv.weight"], truth["blocks.1.attn.qkv.weight"])
          and np.array_equal(tensors["token_embd.weight"][:-1], truth["tokens.weight"]), f"{len(tensors)} tensors")


def check_llama(name):
    try:
        import llama_cpp
    except ImportError:
        print("--    llama.cpp is not installed: not checked")
        return
    ids, logits = logits_of(name)
    text = open("sentence.txt", newline="", encoding="utf-8").read()
    model = llama_cpp.Llama(f"{name}.gguf", n_ctx=0, logits_all=True, type_k=0, type_v=0, verbose=False)
    tokens = model.tokenize(text.encode(), add_bos=False)
    check(f"{name}: llama.cpp's tokenization", tokens[: len(ids)] == ids.tolist() and model.detokenize(tokens).decode() == text)
    everything = open("my.txt", newline="", encoding="utf-8").read().encode()
    check(f"{name}: all of the text comes back from llama.cpp", model.detokenize(model.tokenize(everything, add_bos=False)) == everything)
    model.eval(ids.tolist())
    scores = np.array(model.scores[: len(ids)])
    d = difference(scores[:, :-1], logits)
    # llama.cpp computes GELU from a table of half-precision numbers, so only three digits agree.
    check(f"{name}: llama.cpp's logits", d < 2e-3 * np.abs(logits).max(), f"differ by {d:.1e}, the largest is {np.abs(logits).max():.1f}")
    check(f"{name}: the end token is never generated", scores[:, -1].max() < -100, f"{scores[:, -1].max():.1f}")
    model.reset()
    answer = model("the cat", max_tokens=20, temperature=0, repeat_penalty=1)["choices"][0]["text"]
    check(f"{name}: llama.cpp writes", "the cat" + answer == continued(name, "the cat", 20), repr("the cat" + answer))


def check_going_on():
    """Follows train/README.md: exports a model, continues its training in PyTorch, and imports the result."""
    shutil.rmtree("mine-hf", ignore_errors=True)
    headlight("export", "mine", "--to", "hf", "--out", "mine-hf")
    loss = lambda run: json.loads(headlight("eval", run, "--data", "my.txt", "--json"))["loss"]
    subprocess.run([sys.executable, f"{HERE}/go_on.py"], check=True, capture_output=True)
    shutil.rmtree("back", ignore_errors=True)
    headlight("import", "mine-further", "--out", "back")
    before, after = loss("mine"), loss("back")
    check("training goes on in PyTorch and comes back", after < before - 0.02, f"loss {before:.3f} -> {after:.3f}")


def main():
    os.chdir(WORK)
    print(f"transformers {transformers.__version__}, torch {torch.__version__}, numpy {np.__version__}")
    make_text()
    runs = {"mine": (), "untied": ("--no-tied", "--no-bias", "--activation", "gelu-erf"), "bytes": ("--tokens", "byte"),
            "rotary": ("--position", "rotary"), "rotary-untied": ("--position", "rotary", "--no-tied", "--no-bias")}
    for name, flags in runs.items():
        train(name, *flags)
        check_transformers(name)
    check_arrivals()
    check_neox_arrives()
    check_nano_gpt()
    check_numpy("mine")
    for name in ("mine", "bytes", "rotary"):
        check_gguf(name)
        check_llama(name)
    check_going_on()
    print("all checks passed")


main()
