// A service of HTTP on a loopback port, which it prints: a small answer in JSON, and as many bytes as are asked for or sent.
import { createServer } from 'node:http'

const ROW = JSON.stringify({ id: 7, name: 'Ada Moreau', email: 'ada.moreau@example.com', total: 12.5, status: 'paid' })
const BLOCK = Buffer.alloc(64 * 1024, 'It is neither compressed nor masked. ')

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://service')
  if (pathname === '/down') return sendBytes(response, Number(searchParams.get('bytes')))
  if (pathname === '/up') return countBytes(request, response)
  request.resume()
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': ROW.length })
  response.end(ROW)
})
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))

async function sendBytes(response, bytes) {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes })
  for (let left = bytes; left > 0 && !response.destroyed; left -= BLOCK.length)
    if (!response.write(BLOCK.subarray(0, Math.min(left, BLOCK.length))))
      await new Promise((resolve) => {
        response.once('drain', resolve)
        response.once('close', resolve)
      })
  response.end()
}

function countBytes(request, response) {
  let bytes = 0
  request.on('data', (chunk) => (bytes += chunk.length))
  request.on('end', () => {
    const text = String(bytes)
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': text.length })
    response.end(text)
  })
}
