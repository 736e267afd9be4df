# Continues the training of an exported model in PyTorch; `accelerate launch go_on.py` uses several machines.
import accelerate, torch, transformers
model = transformers.AutoModelForCausalLM.from_pretrained("mine-hf")
tokenizer = transformers.AutoTokenizer.from_pretrained("mine-hf")
ids = torch.tensor(tokenizer(open("my.txt", newline="").read())["input_ids"])
context = model.config.max_position_embeddings
windows = ids[: len(ids) // context * context].view(-1, context)
loader = torch.utils.data.DataLoader(windows, batch_size=16, shuffle=True)
accelerator = accelerate.Accelerator()
model, optimizer, loader = accelerator.prepare(model, torch.optim.AdamW(model.parameters(), lr=1e-3), loader)
for batch in loader:
    loss = model(input_ids=batch, labels=batch).loss
    accelerator.backward(loss), optimizer.step(), optimizer.zero_grad()
accelerator.unwrap_model(model).save_pretrained("mine-further")
tokenizer.save_pretrained("mine-further")
