import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { command, openSpool, opened, recorderOptions } from '../helpers/recordings.ts'
import { pamctl, run } from '../helpers/run.ts'
import { visible } from '../../src/shared/visible.ts'
import { hasProgram } from '../../src/demo/programs.ts'
import { ROOT } from '../helpers/run.ts'

/** A terminal session as an engine with terminals records it: there is none yet, so the events are made here. */
/** Milliseconds that the terminal is still in the middle: played slowly, time enough to press keys. */
const GAP = 500
const DECEIVING = 'select \u009B31m\u202E\u200B1\u{e0041}'
let directory: string
let file: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  const spool = openSpool(directory)
  const recorder = await spool.open(opened(), recorderOptions())
  recorder.outcome({ type: 'resize', channel: '0', columns: 100, rows: 30 })
  // Not at the very beginning: what was shown there is shown by going back to it.
  await new Promise((resolve) => setTimeout(resolve, 5))
  const show = (data: Uint8Array): void => recorder.outcome({ type: 'terminal', channel: '0', direction: 'out' }, data)
  show(Buffer.from('\u001B[31mfirst\u001B[0m\r\n'))
  recorder.outcome({ type: 'terminal', channel: '0', direction: 'in' }, Buffer.from('typed'))
  const euro = Buffer.from('€')
  show(euro.subarray(0, 2))
  await new Promise((resolve) => setTimeout(resolve, GAP))
  show(Buffer.concat([euro.subarray(2), Buffer.from(' second\r\n')]))
  recorder.intent(command('<script>alert("x")</script> \u001B]0;title\u0007'))
  recorder.intent(command(DECEIVING))
  const result = { type: 'result', command: 'dec_1', bytes: 8, durationMs: 2 } as const
  recorder.outcome({ ...result, tag: 'SELECT 1', rows: 1 })
  recorder.outcome({ ...result, rows: 2 })
  recorder.outcome({ ...result, rows: 0, error: '1146' })
  await spool.close(recorder, { code: 'CLIENT_LEFT', message: 'bye' })
  await spool.stop()
  file = join(directory, '2026-11', 'ses_1.pamrec')
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('export', () => {
  it('cast: asciicast v2, with characters whole and the terminal’s size', async () => {
    const { stdout } = await pamctl(['export', file, '--format', 'cast', '--output', '-'], {})
    const [header, ...events] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    expect(header).toMatchObject({ version: 2, width: 80, title: 'jane on prod' })
    const shown = (events as [number, string, string][]).filter(([, kind]) => kind === 'o').map(([, , text]) => text)
    expect(shown.join('')).toContain('\u001B[31mfirst\u001B[0m\r\n€ second\r\n')
    expect(events).toContainEqual([expect.any(Number), 'r', '100x30'])
    expect(events).toContainEqual([expect.any(Number), 'i', 'typed'])
  })

  it('html: one file without scripts, with everything escaped', async () => {
    const out = join(directory, 'x.html')
    expect((await pamctl(['export', file, '--format', 'html', '--output', out], {})).code).toBe(0)
    const html = readFileSync(out, 'utf8')
    expect(html).toContain("default-src 'none'")
    expect(html).not.toContain('<script>')
    expect(html).toContain('&lt;script>alert(&quot;x&quot;)&lt;/script>')
    expect(html).not.toContain('\u001B')
  })

  it('text and jsonl: what a terminal showed without its escape sequences, and with everything', async () => {
    const { stdout } = await pamctl(['export', file, '--format', 'text', '--output', '-'], {})
    expect(stdout).toMatch(/first\n/)
    expect(stdout).not.toContain('\u001B')
    const lines = (await pamctl(['export', file, '--format', 'jsonl', '--output', '-'], {})).stdout.trim().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(lines.map((_, index) => index))
  })
})

describe('replay', () => {
  it('in a pipe it is a timeline, in time where asked for', async () => {
    const started = performance.now()
    const { code, stdout } = await pamctl(['replay', file, '--speed', '1', '--max-idle', '1m'], {})
    expect([code, stdout]).toEqual([0, expect.stringMatching(/first[\s\S]*ended: bye/)])
    expect(performance.now() - started).toBeGreaterThan(GAP)
    expect(stdout.match(/→ .*/g)).toEqual([
      '→ SELECT 1, 1 row, 8 bytes, 2 ms',
      '→ 2 rows, 8 bytes, 2 ms',
      '→ ERROR 1146 (no such table), 2 ms',
    ])
  })

  it.skipIf(!hasProgram('tmux'))('on a terminal it plays; space pauses, the arrows move, q ends', async () => {
    const socket = join(directory, 'tmux')
    const tmux = (...args: string[]) => run('tmux', ['-S', socket, ...args])
    // The terminal stays still for longer than any machine takes to press a key.
    const play = `${process.execPath} ${join(ROOT, 'bin', 'pamctl.js')} replay ${file} --speed 0.005`
    /** A terminal of its own for each, on which nothing is left of the one before. */
    const playing = async (name: string) => {
      await tmux('new-session', '-d', '-s', name, '-x', '100', '-y', '30', 'sh')
      await tmux('send-keys', '-t', name, `${play}; echo ${name} $?`, 'Enter')
      const screen = async () => (await tmux('capture-pane', '-p', '-t', name)).stdout
      return {
        screen,
        shown: (text: string | RegExp) => expect.poll(screen).toMatch(text),
        press: (...keys: string[]) => tmux('send-keys', '-t', name, ...keys),
      }
    }
    const paused = await playing('over')
    await paused.shown(/^first$/m)
    // In one read, as from somebody who is quick.
    await paused.press(' ', 'Right')
    await paused.shown(/€ second/)
    await paused.shown(/^over 0/m)
    const left = await playing('ended')
    await left.shown(/^first$/m)
    await left.press('q')
    await left.shown(/^ended 0/m)
    expect(await left.screen()).not.toContain('second')
    // Paused at the end of what is shown, back to the beginning, on again.
    const back = await playing('back')
    await back.shown(/^first$/m)
    await back.press(' ', 'Left')
    await expect.poll(back.screen).not.toContain('first')
    await back.press('Right')
    await back.shown(/first[\s\S]*€ second[\s\S]*back 0/)
    await tmux('kill-server')
  })
})

describe('what is printed for programs', () => {
  it.each([
    ['export', '--format', 'jsonl', '--output', '-'],
    ['export', '--format', 'cast', '--output', '-'],
    ['export', '--format', 'text', '--output', '-'],
    ['replay', '--json'],
    ['replay'],
  ])('%s %s %s has nothing that a terminal acts on, and the same values', async (verb, ...flags) => {
    const { stdout, stderr } = await pamctl([verb, file, ...flags], {})
    expect(stderr).toBe('')
    expect(visible(stdout)).toBe(stdout)
    if (!flags.includes('--json') && !flags.includes('jsonl')) return
    const texts = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { text?: string }).text)
    expect(texts).toContain(DECEIVING)
  })
})
