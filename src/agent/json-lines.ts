import type { Socket } from 'node:net'

/**
 * Calls back for each line of JSON from a socket. A line that is not JSON, or too long, ends the connection: the other end is not one of
 * ours.
 */
export function readJsonLines(socket: Socket, onValue: (value: unknown) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_LENGTH) return void socket.destroy()
    for (const line of lines) {
      let value: unknown
      try {
        value = JSON.parse(line)
      } catch {
        return void socket.destroy()
      }
      onValue(value)
    }
  })
}

const MAX_LINE_LENGTH = 1_000_000
