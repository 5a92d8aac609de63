// Real Chromium, watched: every console error and every violation of the content security policy is a finding.

import { readFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { chromium } from 'playwright-core'

export const screenshots = fileURLToPath(new URL('../../.test/screenshots/', import.meta.url))
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What WCAG 2.2 AA asks for, as far as a program can tell, and what axe calls good practice. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

export function launch() {
  mkdirSync(screenshots, { recursive: true })
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  })
}

/** Tests of one file: `browsing` is a test whose windows, those that `open` gave, are closed at its end, and that fails when one has findings. */
export function windowed(browser) {
  let windows = []
  const open = async (options) => {
    const window = await Window.open(browser(), options)
    windows.push(window)
    return window
  }
  const browsing = (name, body) => test(name, async () => {
    windows = []
    try {
      await body()
    } catch (error) {
      await windows.at(-1)?.picture('failed').catch(() => {})
      throw error
    } finally {
      for (const window of windows) await window.close()
    }
    assert.deepEqual(windows.flatMap((window) => window.findings), [])
  })
  return { browsing, open }
}

/** One browser window of one person. */
export class Window {
  static async open(browser, { language = 'fr', javaScript = true, dark = false, width = 1_000, name } = {}) {
    const window = new Window()
    window.findings = []
    window.name = name
    window.language = language
    window.context = await browser.newContext({
      locale: language === 'fr' ? 'fr-FR' : 'en-GB',
      javaScriptEnabled: javaScript,
      colorScheme: dark ? 'dark' : 'light',
      viewport: { width, height: 900 },
    })
    window.watch(await window.context.newPage())
    if (javaScript) {
      await window.context.addInitScript(() => {
        addEventListener('securitypolicyviolation', (event) => console.error(`CSP violation of ${event.violatedDirective} by ${event.blockedURI}`))
      })
    }
    return window
  }

  /** A window that this one opened. */
  over(page) {
    const opened = Object.assign(new Window(), { findings: [], name: this.name, language: this.language, context: this.context })
    opened.watch(page)
    return opened
  }

  /** Notes whatever goes wrong on the page. */
  watch(page) {
    this.page = page
    page.setDefaultTimeout(15_000)
    page.on('console', (message) => {
      if (message.type() !== 'error') return
      // A page that says "wrong password" may have a status of 4xx, which Chromium reports for the page itself.
      const isOwnStatus = message.text().startsWith('Failed to load resource') && message.location().url === page.url()
      if (!isOwnStatus) this.findings.push(`console: ${message.text()} (${message.location().url})`)
    })
    page.on('pageerror', (error) => this.findings.push(`script: ${error.message}`))
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText
      // A navigation that the next one replaced is no failure.
      if (why !== 'net::ERR_ABORTED') this.findings.push(`request: ${request.url()}: ${why}`)
    })
    page.on('response', (response) => {
      if (response.status() >= 400 && response.request().resourceType() !== 'document') {
        this.findings.push(`request: ${response.url()}: ${response.status()}`)
      }
    })
  }

  close() { return this.context.close() }

  go(url) { return this.page.goto(String(url)) }

  /** Waits until this page of ours (or of the application) is there. */
  async at(name) {
    try {
      await this.page.locator(`main[data-page="${name}"]`).waitFor()
    } catch (error) {
      const there = await this.page.locator('main[data-page]').getAttribute('data-page', { timeout: 1_000 }).catch(() => null)
      const text = (await this.page.locator('body').innerText().catch(() => '')).slice(0, 1_500)
      throw new Error(`waited for page "${name}", at "${there}" (${this.page.url()}):\n${text}\n${error.message}`)
    }
  }

  /** Whether a control is there. */
  async has(selector) { return (await this.page.locator(selector).count()) > 0 }

  async signIn(user) {
    await this.at('sign-in')
    const email = this.page.locator('input[name=email]')
    if (await email.isEditable()) await email.fill(user.email)
    await this.page.locator('input[name=password]').fill(user.password)
    await this.page.locator('form:has(input[name=password]) button[type=submit]').first().click()
  }

  /** The tenant page has a button or a radio for each tenant. */
  async chooseTenant(code) {
    await this.at('tenant')
    const choice = this.page.locator(`[name=tenant][value="${code}"]`)
    if (await choice.evaluate((element) => element.tagName === 'BUTTON')) return choice.click()
    await choice.check()
    await this.page.locator('form:has([name=tenant]) button[type=submit]').first().click()
  }

  async decide(decision) {
    await this.at('consent')
    await this.page.locator(`button[name=decision][value=${decision}]`).click()
  }

  /** Moves the focus by the Tab key until it is on the selector; the focus has to be visible there. */
  async tabTo(selector) {
    for (let presses = 0; presses < 60; presses += 1) {
      const on = await this.page.evaluate((wanted) => {
        const element = document.activeElement
        if (!element?.matches(wanted)) return null
        // What shows the focus may be drawn on the label or the box around a hidden radio.
        const around = [element, element.labels?.[0], element.parentElement].filter(Boolean)
        return around.some((one) => {
          const style = getComputedStyle(one)
          return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none'
        }) ? 'visible' : 'invisible'
      }, selector)
      if (on === 'visible') return
      if (on === 'invisible') throw new Error(`the focus is on ${selector} and nothing shows it`)
      await this.page.keyboard.press('Tab')
    }
    throw new Error(`the Tab key does not lead to ${selector} on ${this.page.url()}`)
  }

  /** Notes every serious or critical barrier that axe finds, and what no page may lack. */
  async inspect(name) {
    // Evaluated by the debugger: the page's own policy stays in force.
    await this.page.evaluate(axe)
    const { violations } = await this.page.evaluate((rules) => globalThis.axe.run({ runOnly: rules }), RULES)
    for (const { id, impact, help, nodes } of violations) {
      if (impact === 'serious' || impact === 'critical') {
        this.findings.push(`accessibility: ${name}: ${impact}: ${help} (${id}): ${nodes.slice(0, 3).map((node) => node.html).join(' · ')}`)
      }
    }
    const language = await this.page.locator('html').getAttribute('lang')
    if (language !== this.language) this.findings.push(`${name}: lang is ${language}, the browser asks for ${this.language}`)
    if ((await this.page.locator('h1').count()) !== 1) this.findings.push(`${name}: not exactly one h1`)
    if (await this.page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) this.findings.push(`${name}: scrolls sideways`)
    await this.picture(name)
  }

  picture(name) {
    return this.page.screenshot({ path: path.join(screenshots, `${this.name}-${name}.png`), fullPage: true })
  }
}
