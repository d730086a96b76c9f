import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { runningAgent, type AgentConnection } from '../../src/agent/control-client.ts'
import { userPaths } from '../../src/agent/paths.ts'

const opened: (() => void)[] = []
afterEach(() => {
  vi.useRealTimers()
  for (const close of opened.splice(0).toReversed()) close()
})

/** A command line that is connected to something that accepts, and does this with each line that it reads. */
async function connectedTo(answer: (line: { id: number; method: string }, socket: Socket) => void) {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-silent-'))
  opened.push(() => rmSync(directory, { recursive: true }))
  const paths = { ...userPaths({ PAMCTL_HOME: directory }), control: join(directory, 'agent.sock') }
  const asked: string[] = []
  const server = createServer((socket) => {
    opened.push(() => socket.destroy())
    socket.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text
        .trim()
        .split('\n')
        .map((one) => JSON.parse(one) as { id: number; method: string })) {
        asked.push(line.method)
        answer(line, socket)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(paths.control, resolve))
  opened.push(() => server.close())
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const connection = (await runningAgent(paths)) as AgentConnection
  opened.push(() => connection.close())
  return { connection, asked }
}

it('gives up on an agent that accepts and never answers', async () => {
  const { connection, asked } = await connectedTo(() => {})
  const call = expect(connection.call('status', {})).rejects.toMatchObject({
    message: 'the local agent does not answer',
    hint: expect.stringContaining('the next command starts a new agent'),
  })
  vi.advanceTimersByTime(40_000)
  await call
  expect(vi.getTimerCount()).toBe(0)
  await expect(connection.call('status', {})).rejects.toThrow('lost the connection to the local agent')
  expect(asked).not.toContain('stop')
})

it('waits for an agent that is slow with one thing, and says that it is there', async () => {
  let slow: (() => void) | undefined
  const { connection, asked } = await connectedTo(({ id, method }, socket) => {
    const reply = (): void => void socket.write(`${JSON.stringify({ id, result: { method } })}\n`)
    if (method === 'hello') reply()
    else slow = reply
  })
  const call = connection.call('status', {})
  for (let minute = 1; minute <= 5; minute++) {
    vi.advanceTimersByTime(10_000)
    const wanted = minute
    await vi.waitFor(() => expect(asked.filter((method) => method === 'hello')).toHaveLength(wanted))
  }
  slow?.()
  expect(await call).toEqual({ method: 'status' })
  expect(vi.getTimerCount()).toBe(0)
})
