// Pictures that people drop, paste, choose or photograph.

// A Picture is a file that the browser can show. url is the page's, until release.
export class Picture {
  constructor(file, name) {
    this.file = file;
    this.name = name || file.name || "picture.png";
    this.url = URL.createObjectURL(file);
    this.uses = 0; // by entries of the history, and the stage
  }

  // load finds out the size, upright as the model sees the picture.
  async load() {
    const image = new Image();
    image.src = this.url;
    try {
      await image.decode();
    } catch {
      this.drop();
      throw new Error(`${this.name} is no picture that this browser shows. PNG, JPEG, WebP and GIF files are.`);
    }
    [this.width, this.height] = [image.naturalWidth, image.naturalHeight];
    return this;
  }

  // data returns the file as a data URI.
  data() {
    return this.uri ??= new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.replace(/^data:;/, "data:application/octet-stream;"));
      reader.onerror = () => { this.uri = undefined; reject(new Error(`${this.name} cannot be read any more. Choose it again.`)); };
      reader.readAsDataURL(this.file);
    });
  }

  keep() { this.uses++; return this; }
  release() { if (--this.uses === 0) this.drop(); }
  drop() { URL.revokeObjectURL(this.url); this.uri = undefined; }
}

// first returns the first picture of a list of files, or the first file.
const first = (files) => [...files].find((f) => f.type.startsWith("image/")) ?? files[0];

// receive calls take with each file that comes in one of the ways.
export function receive(take, { file, camera, openers, photographers }) {
  const from = (input, buttons) => {
    for (const button of buttons) button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      if (input.files.length) take(input.files[0]);
      input.value = ""; // so that the same file can be chosen again
    });
  };
  from(file, openers);
  from(camera, photographers);
  let depth = 0; // of elements that the pointer has entered with files
  const over = (by) => {
    depth = by ? Math.max(0, depth + by) : 0;
    document.body.classList.toggle("dropping", depth > 0);
  };
  const files = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => { if (files(event)) over(1); });
  document.addEventListener("dragleave", (event) => { if (files(event)) over(-1); });
  document.addEventListener("dragover", (event) => { if (files(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    over(0);
    if (event.dataTransfer.files.length) take(first(event.dataTransfer.files));
  });
  document.addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    take(first(event.clipboardData.files));
  });
}
