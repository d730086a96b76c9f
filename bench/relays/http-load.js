// One load of HTTP/1.1 on a loopback port, and what it took as JSON: http-load.js MODE PORT AUTHORIZATION COUNT CLIENTS
//   requests   COUNT requests of /json over CLIENTS connections that are kept, each of which waits for its answer
//   connects   the same, each over a connection of its own
//   down, up   one body of COUNT bytes
import { connect } from 'node:net'

const [mode, port, authorization, count, clients] = process.argv.slice(2)
const total = Number(count)
const BLOCK = Buffer.alloc(64 * 1024, 'It is neither compressed nor masked. ')

const head = (line, more = '') =>
  `${line} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${authorization === '' ? '' : `Authorization: ${authorization}\r\n`}${more}\r\n`

const LOADS = { requests: kept, connects, down, up }
const began = performance.now()
const more = await LOADS[mode]()
process.stdout.write(JSON.stringify({ ms: performance.now() - began, ...more }))

/** Latencies in µs. */
async function kept() {
  let left = total
  const times = []
  const client = async () => {
    const connection = await open()
    while (left-- > 0) times.push(await connection.ask())
    connection.end()
  }
  await Promise.all(Array.from({ length: Number(clients) }, client))
  return { times: summary(times) }
}

async function connects() {
  let left = total
  const times = []
  const client = async () => {
    while (left-- > 0) {
      const start = performance.now()
      const connection = await open()
      await connection.ask()
      connection.end()
      times.push((performance.now() - start) * 1000)
    }
  }
  await Promise.all(Array.from({ length: Number(clients) }, client))
  return { times: summary(times) }
}

function summary(times) {
  const sorted = times.toSorted((a, b) => a - b)
  return { p50: sorted[Math.ceil(sorted.length * 0.5) - 1], p99: sorted[Math.ceil(sorted.length * 0.99) - 1] }
}

/** A connection that asks for the small answer again and again. */
async function open() {
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const question = Buffer.from(head('GET /json'))
  let pending = ''
  let done
  let fail
  socket.setEncoding('latin1').on('data', (text) => {
    pending += text
    const end = pending.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = lengthOf(pending.slice(0, end))
    const whole = length === undefined ? pending.endsWith('\r\n0\r\n\r\n') : pending.length >= end + 4 + length
    if (!whole) return
    const answer = pending
    pending = ''
    if (!answer.startsWith('HTTP/1.1 200')) return fail(new Error(answer))
    done()
  })
  socket.on('close', () => fail?.(new Error('the connection was closed')))
  return {
    async ask() {
      const start = performance.now()
      await new Promise((resolve, reject) => {
        ;[done, fail] = [resolve, reject]
        socket.write(question)
      })
      return (performance.now() - start) * 1000
    },
    end: () => socket.destroy(),
  }
}

/** Undefined: in chunks. */
function lengthOf(text) {
  const found = /^content-length: *(\d+)/im.exec(text)?.[1]
  return found === undefined ? undefined : Number(found)
}

function down() {
  return transfer((socket) => socket.write(head(`GET /down?bytes=${total}`)))
}

function up() {
  return transfer(async (socket) => {
    socket.write(head('PUT /up', `Content-Type: application/octet-stream\r\nContent-Length: ${total}\r\n`))
    for (let left = total; left > 0; left -= BLOCK.length)
      if (!socket.write(BLOCK.subarray(0, Math.min(left, BLOCK.length))))
        await new Promise((resolve) => socket.once('drain', resolve))
  })
}

/** Until the whole answer is there. */
function transfer(send) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1' })
    let start = Buffer.alloc(0)
    let expected
    let bytes = 0
    socket.on('connect', () => void send(socket))
    socket.on('data', (chunk) => {
      bytes += chunk.length
      if (expected === undefined) {
        start = Buffer.concat([start, chunk])
        const end = start.indexOf('\r\n\r\n')
        if (end < 0) return
        const text = start.toString('latin1', 0, end)
        const length = lengthOf(text)
        if (!text.startsWith('HTTP/1.1 200') || length === undefined) return reject(new Error(start.toString('latin1')))
        expected = end + 4 + length
      }
      if (bytes < expected) return
      socket.destroy()
      resolve({ bytes })
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`closed after ${bytes} bytes`)))
  })
}
