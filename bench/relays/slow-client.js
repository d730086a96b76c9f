// `slow-client.js PORT SQL [stall]`: reads a result in odd pieces with pauses, and prints a digest of its rows as they came. With
// `stall` it stops reading after the first megabyte, says so and stays.
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'

const pg = createRequire(import.meta.url)('pg')
const [port, sql, mode] = process.argv.slice(2)
const client = new pg.Client({
  host: '127.0.0.1',
  port: Number(port),
  user: process.env.PGUSER,
  password: process.env.PGPASSWORD,
  database: process.env.PGDATABASE,
})
client.on('error', () => process.exit(0))
await client.connect()
const { stream } = client.connection
// From here on the bytes are ours: the driver is done with its part.
stream.removeAllListeners('data')
stream.removeAllListeners('readable')
const hash = createHash('sha256')
let held = Buffer.alloc(0)
let seen = 0

stream.on('readable', () => void read())
const text = Buffer.from(`${sql}\0`)
const query = Buffer.alloc(5)
query.write('Q')
query.writeInt32BE(4 + text.length, 1)
stream.write(Buffer.concat([query, text]))

let reading = false
async function read() {
  if (reading) return
  reading = true
  for (
    let piece;
    (piece = stream.read(Math.min(stream.readableLength, 1 + ((seen * 7919) % 40_000))) ?? stream.read()) !== null;
  ) {
    seen += piece.length
    take(piece)
    if (mode === 'stall' && seen > 1e6) {
      stream.pause()
      process.stdout.write('stalled\n')
      await new Promise((resolve) => setTimeout(resolve, 600_000))
    }
    if (seen % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  reading = false
  if (stream.readableLength > 0) setImmediate(() => void read())
}

function take(piece) {
  held = Buffer.concat([held, piece])
  let at = 0
  while (held.length - at >= 5 && held.length - at >= 1 + held.readInt32BE(at + 1)) {
    const end = at + 1 + held.readInt32BE(at + 1)
    const tag = held[at]
    // DataRows, and how many there were. Column numbers in the description are those of another table where the text is another.
    if (tag === 0x44 || tag === 0x43) hash.update(held.subarray(at, end))
    if (tag === 0x45) {
      process.stderr.write(`${held.toString('latin1', at, end)}\n`)
      process.exit(1)
    }
    if (tag === 0x5a) {
      process.stdout.write(`${hash.digest('hex')}\n`)
      process.exit(0)
    }
    at = end
  }
  held = held.subarray(at)
}
