// Small recordings and pictures, made here so that no media lie in the project.
import { deflateSync, crc32 as zlibCrc } from 'node:zlib';

// sound is a WAV of some seconds that swells and fades like a spoken line.
export function sound(seconds = 3, pitch = 180) {
  const rate = 16000;
  const samples = Math.floor(rate * seconds);
  const wav = Buffer.alloc(44 + 2 * samples);
  wav.write('RIFF', 0); wav.writeUInt32LE(36 + 2 * samples, 4); wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16); wav.writeUInt16LE(1, 20); wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(rate, 24); wav.writeUInt32LE(2 * rate, 28); wav.writeUInt16LE(2, 32); wav.writeUInt16LE(16, 34);
  wav.write('data', 36); wav.writeUInt32LE(2 * samples, 40);
  for (let i = 0; i < samples; i++) {
    const t = i / rate;
    const phrase = 0.12 + 0.88 * Math.sin(0.9 * t + pitch) ** 2 * Math.abs(Math.sin(2.7 * t + pitch / 7));
    const swell = Math.abs(Math.sin(Math.PI * 2.3 * t)) * 0.5 * phrase;
    const voice = Math.sin(2 * Math.PI * pitch * t) + 0.5 * Math.sin(4 * Math.PI * pitch * t);
    wav.writeInt16LE(Math.round(12000 * swell * voice), 44 + 2 * i);
  }
  return wav;
}

const crcTable = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});
function crc(bytes) {
  if (zlibCrc) return zlibCrc(bytes);
  let c = 0xffffffff;
  for (const byte of bytes) c = crcTable[(c ^ byte) & 0xff] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

// picture is a PNG: a harbour at dusk, or something like it.
export function picture(width = 640, height = 420, hue = 0) {
  const rows = Buffer.alloc(height * (1 + 3 * width));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sky = y / height;
      const sun = Math.max(0, 1 - Math.hypot(x - width * 0.66, y - height * 0.42) / 110);
      const wave = y > height * 0.6 ? 18 * Math.sin(x / 14 + y / 5) : 0;
      const at = y * (1 + 3 * width) + 1 + 3 * x;
      const paint = [70 + 140 * sky + 90 * sun + wave, 90 + 60 * sky + 80 * sun + wave, 150 - 60 * sky + 20 * sun + wave];
      for (let k = 0; k < 3; k++) rows[at + k] = Math.max(0, Math.min(255, paint[(k + hue) % 3]));
    }
  }
  const chunk = (type, data) => {
    const out = Buffer.alloc(12 + data.length);
    out.writeUInt32BE(data.length, 0); out.write(type, 4); data.copy(out, 8);
    out.writeUInt32BE(crc(out.subarray(4, 8 + data.length)), 8 + data.length);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0); head.writeUInt32BE(height, 4); head[8] = 8; head[9] = 2;
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}
