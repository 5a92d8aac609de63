// A person at a browser without JavaScript: follows redirects, keeps cookies, reads forms and submits them.
//
// Knows of a page only what the page says: `data-page` on <main>, its forms, its fields.

import { parse } from 'node-html-parser'
import { CookieJar } from 'tough-cookie'

/** One page, or the place outside where the way ended. */
class Page {
  constructor(url, status, headers, text) {
    this.url = url
    this.status = status
    this.headers = headers
    this.text = text
    this.html = parse(text)
  }

  /** What the page says it is: `sign-in`, `tenant`, `consent`, … */
  get name() { return this.html.querySelector('main[data-page]')?.getAttribute('data-page') ?? null }

  get alert() { return this.html.querySelector('[role=alert]')?.textContent.trim() ?? null }

  get language() { return this.html.querySelector('html')?.getAttribute('lang') ?? null }

  /** The first form that has all these selectors. */
  form(...selectors) {
    const form = this.html.querySelectorAll('form').find((one) => selectors.every((selector) => one.querySelector(selector)))
    if (!form) throw new Error(`no form with ${selectors.join(' and ') || 'anything'} on ${this.url} (page ${this.name}):\n${this.text.slice(0, 2000)}`)
    return form
  }
}

export class Person {
  /**
   * @param {object} options
   * @param {string} [options.email]
   * @param {string} [options.password]
   * @param {string} [options.tenant] code of the tenant to choose when asked
   * @param {'allow'|'deny'} [options.decision] when asked for consent
   * @param {string} [options.language] as a browser sends it
   */
  constructor({ email, password, tenant, decision = 'allow', language = 'fr' } = {}) {
    Object.assign(this, { email, password, tenant, decision, language })
    this.jar = new CookieJar()
    /** The pages seen since the last `visit`, by name. */
    this.seen = []
  }

  /**
   * Goes to `url` and does what the pages ask for, until the way leads back to `application` (a URL it begins with), or to
   * a page on which there is nothing to do.
   * @returns {Promise<{url?: URL, request?: Request, page?: Page}>} `url` for a redirect to the application, `request`
   * for a form posted to it, `page` otherwise
   */
  async visit(url, application) {
    this.seen = []
    let at = await this.load(new URL(url), application)
    for (let steps = 0; at.page; steps += 1) {
      if (steps > 10) throw new Error(`no end of pages: ${this.seen.join(', ')}`)
      this.seen.push(at.page.name)
      const next = await this.act(at.page, application)
      if (!next) return at
      at = next
    }
    return at
  }

  /** As `visit`, where only the redirect back will do. */
  async return(url, application) {
    const at = await this.visit(url, application)
    if (!at.url) throw new Error(`ended on page ${at.page?.name} (${at.page?.status}) after ${this.seen.join(', ')}:\n${at.page?.text.slice(0, 3000)}`)
    return at.url
  }

  /** What this person does on a page; nothing where nothing is to be done. */
  act(page, application) {
    switch (page.name) {
      case 'sign-in': {
        // A second look at the same page means that what was entered is wrong.
        if (this.seen.filter((name) => name === 'sign-in').length > 1) return null
        return this.submit(page, page.form('input[name=password]'), { email: this.email, password: this.password }, {}, application)
      }
      case 'tenant': {
        if (!this.tenant) return null
        const selector = `[name=tenant][value="${this.tenant}"]`
        const form = page.form(selector)
        const choice = { tenant: this.tenant }
        const isButton = form.querySelector(selector).rawTagName.toLowerCase() === 'button'
        return this.submit(page, form, isButton ? {} : choice, isButton ? choice : {}, application)
      }
      case 'consent': {
        const form = page.form(`button[name=decision][value=${this.decision}]`)
        return this.submit(page, form, {}, { decision: this.decision }, application)
      }
      case 'logout': {
        const form = page.form('button')
        return this.submit(page, form, {}, buttonOf(form), application)
      }
      default:
        return this.posted(page, application)
    }
  }

  /** A page that only passes a form on to the application (response mode form_post), as a request. */
  posted(page, application) {
    const form = page.html.querySelectorAll('form').find((one) => application && one.getAttribute('action')?.startsWith(application))
    if (!form) return null
    return { request: new Request(form.getAttribute('action'), { method: 'POST', body: new URLSearchParams(hidden(form)) }) }
  }

  /** Fills a form and submits it by one of its buttons. */
  submit(page, form, fields, button, application) {
    for (const name of Object.keys(fields)) {
      if (!form.querySelector(`[name=${name}]`)) throw new Error(`the form on page ${page.name} has no field ${name}`)
    }
    const method = (form.getAttribute('method') ?? 'get').toLowerCase()
    const action = new URL(form.getAttribute('action') || page.url, page.url)
    const body = new URLSearchParams([...hidden(form), ...Object.entries({ ...fields, ...button })])
    if (method === 'get') {
      action.search = body
      return this.load(action, application)
    }
    return this.load(action, application, { method: 'POST', body, headers: { origin: new URL(page.url).origin, referer: String(page.url) } })
  }

  /** One request with all redirects that follow. */
  async load(url, application, init = {}) {
    for (let redirects = 0; redirects < 20; redirects += 1) {
      if (application && url.href.startsWith(application)) return { url }
      const cookie = await this.jar.getCookieString(url.href)
      const answer = await fetch(url, {
        ...init,
        redirect: 'manual',
        headers: { accept: 'text/html', 'accept-language': this.language, ...(cookie && { cookie }), ...init.headers },
      })
      for (const line of answer.headers.getSetCookie()) await this.jar.setCookie(line, url.href)
      const text = await answer.text()
      if (answer.status < 300 || answer.status >= 400) return { page: new Page(url, answer.status, answer.headers, text) }
      if (answer.status === 307 || answer.status === 308) throw new Error(`${answer.status} would send the form on, with the password in it`)
      url = new URL(answer.headers.get('location'), url)
      init = {}
    }
    throw new Error(`no end of redirects at ${url}`)
  }
}

/** The hidden fields of a form, as pairs. */
function hidden(form) {
  return form.querySelectorAll('input[type=hidden]').map((one) => [one.getAttribute('name'), one.getAttribute('value') ?? ''])
}

/** The name and value that the first button of a form sends. */
function buttonOf(form) {
  const button = form.querySelector('button')
  const name = button?.getAttribute('name')
  return name ? { [name]: button.getAttribute('value') ?? '' } : {}
}
