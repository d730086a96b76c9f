import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openBrowser } from '../../src/cli/open-browser.ts'

const directory = mkdtempSync(join(tmpdir(), 'pamctl-browser-'))
afterAll(() => rmSync(directory, { recursive: true }))
const opened = join(directory, 'opened')
writeFileSync(join(directory, 'xdg-open'), `#!/bin/sh\necho "$# $1 $PAMCTL_TOKEN" >${opened}\n`, { mode: 0o755 })
const environment = { PATH: directory, DISPLAY: ':0' }

describe.skipIf(process.platform !== 'linux')('a browser', () => {
  it('gets the URL as one argument, whatever is in it, and no token', async () => {
    const url = 'https://g/a?b=$(touch x)&c=;d'
    const child = openBrowser(url, { ...environment, PAMCTL_TOKEN: 'secret' })
    if (child !== undefined) await once(child, 'close')
    expect(readFileSync(opened, 'utf8')).toBe(`1 ${url} \n`)
  })

  it.each([
    ['without a screen', 'https://g', { PATH: directory }],
    ['for a file', 'file:///etc/passwd', environment],
    ['for an option', '--help', environment],
    ['for what is not a page', 'javascript:alert(1)', environment],
  ])('is not opened %s', (_, url, given) => expect(openBrowser(url, given)).toBeUndefined())

  it('causes no error if it is not installed', async () => {
    const child = openBrowser('https://g', { PATH: '/nonexistent', DISPLAY: ':0' })
    if (child !== undefined) await once(child, 'error')
  })
})
