import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { AxeResults } from 'axe-core'
import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, isLoaded, startDashboard, type Dashboard } from '../helpers/dashboard.ts'
import { eventually, openPort, signIn, type Port, type SignedIn } from '../helpers/gateway-client.ts'
import { psql, ROOT } from '../helpers/run.ts'
import { inTerminal, sshClient } from '../helpers/ssh-client.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const PICTURES = join(ROOT, 'docs', 'screenshots')
/** Pictures are made where they are asked for: each takes a third of a second. */
const RENEW = process.env['PAMCTL_SCREENSHOTS'] === '1'

const ALL_RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
/** Pages in dark colours differ from those in light ones in nothing but colours. */
const LOOKS = [
  { name: 'light', width: 1440, height: 900, colorScheme: 'light', rules: ALL_RULES },
  { name: 'dark', width: 1440, height: 900, colorScheme: 'dark', rules: ['color-contrast', 'link-in-text-block'] },
  { name: 'phone', width: 360, height: 780, colorScheme: 'light', rules: ALL_RULES },
] as const

describe.skipIf(!CHROMIUM)('every page of the dashboard', () => {
  let web: Dashboard
  let jane: SignedIn
  let dev: Port
  let review: string
  let terminal: string
  let live: string
  const running: Promise<unknown>[] = []
  const paths = (): Record<string, { path: string; open?: (page: Page) => Promise<void> }> => ({
    inbox: {
      path: '/',
      open: async (page) => {
        await page.getByRole('list', { name: '2 statements, as one text' }).waitFor()
        const size = page.viewportSize() ?? { width: 0, height: 0 }
        // Lower than the card: the buttons stay at the edge of the screen.
        if (size.width < 640) await page.setViewportSize({ ...size, height: 600 })
        const card = page.locator('[data-card]', { hasText: 'INC-4711' }).filter({ hasText: 'delete from orders' })
        for (const name of ['Approve…', 'Deny…'])
          expect(await isOnScreen(card.getByRole('button', { name }))).toBe(true)
        // Nothing offers a decision on what is still below the screen.
        for (const one of await page.locator('[data-card]').all())
          if (await isOnScreen(one.getByRole('button', { name: 'Approve…' })))
            expect(await isOnScreen(one.getByRole('heading'))).toBe(true)
        await page.setViewportSize(size)
      },
    },
    review: {
      path: `/reviews/${review}`,
      open: async (page) => {
        await page.getByRole('button', { name: 'Approve…' }).click()
      },
    },
    live: {
      path: '/live',
      open: async (page) => {
        await page.getByText('running').first().waitFor()
        // On a phone a line opens what can be done.
        const line = page.getByRole('button', { name: /running/ })
        if (await line.first().isVisible()) await line.first().click()
        await page.getByRole('button', { name: 'End…' }).first().click()
      },
    },
    watch: { path: `/live/${live}`, open: (page) => page.getByText('pg_sleep').first().waitFor() },
    sessions: { path: '/sessions' },
    search: { path: '/sessions?text=select', open: (page) => page.getByText(/found/).waitFor() },
    session: {
      path: `/sessions/${live}`,
      open: async (page) => {
        await page.getByRole('button', { name: 'Verify' }).click()
        await page.getByTestId('verification').waitFor()
      },
    },
    terminal: {
      path: `/sessions/${terminal}`,
      open: async (page) => {
        await page.locator('.ap-player').waitFor()
        await page.getByRole('list', { name: 'Jump to' }).getByRole('button').last().click()
        await page.getByTestId('player').getByText('disk is fine').first().waitFor()
      },
    },
    access: {
      path: '/access',
      open: async (page) => {
        await page.getByTestId('prod-db').getByRole('button', { name: 'Request access…' }).click()
        await page.getByTestId('dev-db').getByRole('button', { name: 'How to connect' }).click()
        await page.getByRole('button', { name: 'Request several…' }).click()
        for (const name of [/^prod-db/, /^prod-copy/]) await page.getByRole('checkbox', { name }).check()
      },
    },
    locks: {
      path: '/locks?person=jane@example.com',
      open: async (page) => {
        const dialog = page.getByRole('dialog', { name: 'Lock' })
        await dialog.getByLabel(/^Reason/).fill('laptop stolen')
        await dialog.getByText(/^Ends every session of jane@example.com/).waitFor()
      },
    },
    policy: {
      path: '/policy',
      open: async (page) => {
        await page.getByLabel('Command', { exact: true }).fill('delete from orders')
        await page.getByRole('button', { name: 'Try it' }).click()
        await page.getByTestId('verdict').waitFor()
      },
    },
    audit: { path: '/audit' },
    account: {
      path: '/account',
      open: (page) => page.getByRole('button', { name: 'Sign out everywhere…' }).click(),
    },
  })

  beforeAll(async () => {
    web = await startDashboard((yaml) =>
      // One person sees everything here, so that each page has something to show.
      yaml
        .replace('audit: [audit]', 'audit: [sre]')
        .replace(
          '\ncommands:',
          '\ncommands:\n  - { name: a person decides on deletions, targets: { names: [dev-db] }, match: { kinds: [delete] }, hold: { approvers: { groups: [sre] }, expires: 15m, batch: true } }',
        )
        .replace(
          '\ntargets:',
          '\ntargets:\n  - { name: prod-copy, type: postgres, labels: { env: prod }, host: 127.0.0.1, port: 1, database: app, user: app, password: file:target-password, tls: disable }',
        ),
    )
    jane = await signIn(web.url, 'jane')
    await signIn(web.url, 'alice')
    dev = await openPort(jane, 'dev-db')
    await psql(dev, 'app_dev', 'select count(*) from orders;\nselect 1;')
    const bastion = await openPort(jane, 'bastion')
    const client = await sshClient(bastion, web.sshd.user)
    const shell = await inTerminal(client, undefined, { columns: 90, rows: 24 })
    shell.channel.write("PS1='jane@bastion:~$ '; clear\r")
    shell.channel.write('uname -s; echo "disk is fine"\rexit\r')
    await shell.over
    client.end()
    bastion.close()
    terminal = await eventually(async () => {
      const { items } = await jane.api.sessions.list({ mine: true })
      return items.find(({ target, ended }) => target === 'bastion' && ended !== undefined)?.id
    }, 'a terminal session')
    running.push(psql(dev, 'app_dev', 'select now();\nselect pg_sleep(600)'))
    live = await eventually(async () => {
      const { items } = await jane.api.sessions.list({ active: true })
      return items.find(({ commands }) => commands > 1)?.id
    }, 'a live session')
    running.push(
      psql(
        dev,
        'app_dev',
        "select status, count(*) from orders group by status;\ndelete from orders\n where status = 'stuck' -- INC-4711\n   and total < 10;",
      ),
    )
    await jane.api.requests.create({ target: 'prod-db', reason: 'INC-4711 stuck orders', lengthMs: 1_800_000 })
    const bob = await signIn(web.url, 'bob')
    review = await eventually(
      async () => (await bob.api.reviews.list()).find(({ kind }) => kind === 'command')?.id,
      'a held command',
    )
    running.push(
      psql(dev, 'app_dev', '', [
        '-c',
        "update orders set status = 'new' where order_id = 7; delete from orders where order_id = 8",
      ]),
    )
  })
  afterAll(async () => {
    dev?.close()
    await Promise.all(running)
    await web?.stop()
  })
  afterEach(() => {
    expect(web.complaints.splice(0)).toEqual([])
  })

  it.each(LOOKS)(
    '$name: is accessible (axe), fits, and has its picture',
    async ({ name: look, width, height, colorScheme, rules }) => {
      const page = await web.signedIn('bob', '/', {
        viewport: { width, height },
        colorScheme,
        reducedMotion: 'reduce',
      })
      for (const [name, { path, open }] of Object.entries(paths())) {
        await page.goto(web.url + path)
        await page.getByRole('navigation', { name: 'Pages' }).waitFor()
        await isLoaded(page)
        await open?.(page)
        const problems = await problemsOf(page, rules)
        expect([name, problems]).toEqual([name, []])
        const [wide, shown] = (await page.evaluate(
          '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
        )) as [number, number]
        expect([name, wide]).toEqual([name, shown])
        await picture(page, `${name}-${look}`)
      }
      await page.context().close()
      const context = await web.context({ viewport: { width, height }, colorScheme })
      const out = await context.newPage()
      for (const path of ['/', '/auth/callback?state=x']) {
        await out.goto(web.url + path)
        await out.getByRole('link', { name: /^Sign in/ }).waitFor()
        expect([path, await problemsOf(out, rules)]).toEqual([path, []])
      }
      await context.close()
    },
    180_000,
  )

  it('every page is reached and used by keyboard: what has the focus is seen', async () => {
    const page = await web.signedIn('bob', '/policy')
    await isLoaded(page)
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to content')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.tagName')).toBe('SELECT')
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
    expect(outline).toBe('solid')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.type('drop table orders')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByTestId('verdict').waitFor()
    await page.context().close()
  })

  /** Whole, and without scrolling. */
  async function isOnScreen(element: Locator): Promise<boolean> {
    const box = await element.boundingBox()
    const height = element.page().viewportSize()?.height ?? 0
    return box !== null && box.y >= 0 && box.y + box.height <= height
  }

  async function problemsOf(page: Page, rules: readonly string[]): Promise<string[]> {
    await page.evaluate(AXE)
    const { violations } = (await page.evaluate(
      `axe.run(document, { runOnly: ${JSON.stringify(rules)}, resultTypes: ['violations'] })`,
    )) as AxeResults
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`))
  }

  async function picture(page: Page, name: string): Promise<void> {
    if (RENEW) await page.screenshot({ type: 'jpeg', quality: 60, path: join(PICTURES, `${name}.jpg`) })
  }
})
