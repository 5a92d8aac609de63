// People at the hosted pages: a real browser, a relying application, a running Guichet.

import assert from 'node:assert/strict'
import { after, before, describe } from 'node:test'

import { Guichet } from '../peers/support/guichet.mjs'
import { launch, windowed } from './browser.mjs'
import { RelyingParty } from './relying-party.mjs'

let guichet, world, party, browser, client
const { browsing, open } = windowed(() => browser)

before(async () => {
  party = await RelyingParty.listen()
  guichet = await Guichet.start({ name: 'browser' })
  world = await guichet.populate()
  client = await guichet.client('Dossier <Commun> & Cie', {
    'redirect-uri': party.redirectUri, 'post-logout-redirect-uri': party.signedOutUri, 'auth-method': 'client_secret_basic',
  })
  await party.configure(guichet.issuer, client)
  browser = await launch()
})
after(async () => {
  await browser?.close()
  party?.close()
  await guichet?.stop()
})

/** Where a visitor begins; the consent page comes, whatever earlier tests allowed. */
const asked = (parameters = '') => `${party.origin}/sign-in?prompt=consent${parameters}`

/** The whole way: sign in, choose, allow, be signed in at the application. */
async function wholeWay(window, { inspect = async () => {} } = {}) {
  await window.go(asked())
  await window.at('sign-in')
  await inspect('sign-in')
  await window.signIn(world.both)
  await window.at('tenant')
  await inspect('tenant')
  await window.chooseTenant(world.clinic.code)
  await window.at('consent')
  await inspect('consent')
  assert.ok((await window.page.locator('main').innerText()).includes('Dossier <Commun> & Cie'), 'the page names the application as registered')
  await window.decide('allow')
  await window.at('application-signed-in')
  assert.equal(await window.page.locator('#tenant').innerText(), world.clinic.code)
  assert.equal(await window.page.locator('#email').innerText(), world.both.email)
  assert.deepEqual((await window.page.locator('#roles').innerText()).split(' ').sort(), ['admin', 'doctor'])
}

describe('the whole way', () => {
  for (const language of ['fr', 'en']) {
    for (const javaScript of [true, false]) {
      browsing(`in ${language}, ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
        const window = await open({ language, javaScript, name: `${language}-${javaScript ? 'js' : 'nojs'}` })
        await wholeWay(window, { inspect: javaScript ? (name) => window.inspect(name) : (name) => window.picture(name) })
        await window.page.locator('a[href="/sign-out"]').click()
        await window.at('application-signed-out')

        // Signed out for good: the next way begins at the password.
        await window.go(`${party.origin}/sign-in`)
        await window.at('sign-in')
      })
    }
  }

  for (const [name, options] of [['dark', { dark: true }], ['narrow', { width: 320 }]]) {
    browsing(`${name}`, async () => {
      const window = await open({ language: 'fr', name, ...options })
      await wholeWay(window, { inspect: (page) => window.inspect(page) })
      await window.go(`${guichet.issuer}/account`)
      await window.at('account')
      await window.inspect('account')
    })
  }

  browsing('by the keyboard alone', async () => {
    const window = await open({ language: 'en', name: 'keyboard' })
    const { keyboard } = window.page
    await window.go(asked())
    await window.at('sign-in')
    await window.tabTo('input[name=email]')
    await keyboard.type(world.both.email)
    await window.tabTo('input[name=password]')
    await keyboard.type(world.both.password)
    await keyboard.press('Enter')

    await window.at('tenant')
    const code = world.pharmacy.code
    if (await window.has(`button[name=tenant][value="${code}"]`)) {
      await window.tabTo(`button[name=tenant][value="${code}"]`)
    } else {
      await window.tabTo('input[name=tenant]')
      await keyboard.press('Space')
      for (let presses = 0; presses < 5 && !(await window.page.locator(`[name=tenant][value="${code}"]`).isChecked()); presses += 1) {
        await keyboard.press('ArrowDown')
      }
    }
    await window.picture('tenant')
    await keyboard.press('Enter')

    await window.at('consent')
    await window.tabTo('button[name=decision][value=allow]')
    await window.picture('consent')
    await keyboard.press('Enter')
    await window.at('application-signed-in')
    assert.equal(await window.page.locator('#tenant').innerText(), code)
  })
})

describe('the sign-in page', () => {
  for (const [language, javaScript] of [['fr', true], ['en', true], ['fr', false]]) {
    browsing(`announces a wrong password in ${language}${javaScript ? '' : ' without JavaScript'}`, async () => {
      const window = await open({ language, javaScript, name: `wrong-${language}${javaScript ? '' : '-nojs'}` })
      await window.go(asked())
      await window.signIn({ ...world.both, password: 'not the password' })
      const alert = window.page.locator('main [role=alert]').first()
      await alert.waitFor()
      assert.notEqual((await alert.innerText()).trim(), '')
      assert.equal(await window.page.locator('input[name=email]').inputValue(), world.both.email, 'the address is kept')
      assert.equal(await window.page.locator('input[name=password]').inputValue(), '', 'the password is not')
      if (javaScript) await window.inspect('sign-in')
      await window.signIn(world.both)
      await window.at('tenant')
    })
  }

  browsing('shows a hint of the address, and takes the language from the request', async () => {
    const window = await open({ language: 'fr', name: 'hint' })
    await window.go(asked(`&login_hint=${encodeURIComponent(world.one.email)}&ui_locales=en`))
    await window.at('sign-in')
    assert.equal(await window.page.locator('html').getAttribute('lang'), 'en')
    assert.equal(await window.page.locator('input[name=email]').inputValue(), world.one.email)
  })

  browsing('is no place for a script in a parameter', async () => {
    const window = await open({ language: 'fr', name: 'script' })
    const script = encodeURIComponent('"><script>console.error("run")</script>')
    await window.go(asked(`&login_hint=${script}&state=${script}`))
    await window.at('sign-in')
    await window.go(`${party.config.serverMetadata().authorization_endpoint}?client_id=${script}`)
    await window.at('error')
    await window.inspect('error')
  })

  browsing('cannot be framed', async () => {
    const window = await open({ language: 'fr', name: 'framed' })
    const answer = await window.go(asked())
    const policy = answer.headers()['content-security-policy'] ?? ''
    assert.match(policy, /frame-ancestors 'none'/)
    assert.match(policy, /default-src 'none'|default-src 'self'/)
    assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval/)
  })
})

describe('consent', () => {
  for (const javaScript of [true, false]) {
    browsing(`denied goes back to the application, ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
      const window = await open({ language: 'en', javaScript, name: 'deny' })
      await window.go(asked())
      await window.signIn(world.one)
      await window.decide('deny')
      await window.at('application-refused')
      assert.equal(await window.page.locator('#error').innerText(), 'access_denied')
    })
  }

  browsing('is asked for once', async () => {
    const window = await open({ language: 'en', name: 'once' })
    await window.go(asked())
    await window.signIn(world.one)
    await window.decide('allow')
    await window.at('application-signed-in')
    await window.go(`${party.origin}/sign-in`)
    await window.at('application-signed-in')
  })
})

describe('an answer by a posted form', () => {
  for (const javaScript of [true, false]) {
    browsing(`${javaScript ? 'goes on by itself' : 'has a button'}`, async () => {
      const window = await open({ language: 'en', javaScript, name: 'form-post' })
      await window.go(asked('&response_mode=form_post'))
      await window.signIn(world.one)
      await window.decide('allow')
      if (!javaScript) await window.page.locator('form button').click()
      // The cookie of the application is Lax and does not come with the posted form: the application knows nobody. That it
      // got the form is what counts.
      await window.page.waitForURL((url) => url.origin === party.origin)
      window.findings = window.findings.filter((finding) => !finding.includes(party.origin))
    })
  }
})

describe('signing out', () => {
  browsing('without a hint asks, and the page that follows says that it is done', async () => {
    const window = await open({ language: 'fr', name: 'logout' })
    await window.go(asked('&tenant=' + world.clinic.code))
    await window.signIn(world.both)
    await window.decide('allow')
    await window.at('application-signed-in')
    await window.go(new URL(party.config.serverMetadata().end_session_endpoint))
    await window.at('logout')
    await window.inspect('logout')
    await window.page.locator('main form button[type=submit]').first().click()
    await window.at('signed-out')
    await window.inspect('signed-out')
    await window.go(`${party.origin}/sign-in`)
    await window.at('sign-in')
  })
})

describe('the account page', () => {
  for (const javaScript of [true, false]) {
    browsing(`shows sessions, ends another one, withdraws a consent, ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
      const person = await guichet.user(`account-${javaScript}@example.org`, { firstName: 'Dominique', lastName: 'Roux' })
      await guichet.grant(person.email, world.pharmacy.code, 'adjoint')
      const here = await open({ language: 'fr', javaScript, name: `account-${javaScript ? 'js' : 'nojs'}` })
      const there = await open({ language: 'en', javaScript, name: 'other' })
      for (const window of [here, there]) {
        await window.go(asked())
        await window.signIn(person)
        await window.decide('allow')
        await window.at('application-signed-in')
      }

      await here.go(`${guichet.issuer}/account`)
      await here.at('account')
      if (javaScript) await here.inspect('account')
      else await here.picture('account')
      const ends = here.page.locator('li form[action*="/account/sessions/"] button')
      const before = await ends.count()
      assert.ok(before >= 1, 'another session can be ended')
      await ends.last().click()
      await here.at('account')
      assert.equal(await ends.count(), before - 1)

      await there.go(`${party.origin}/sign-in`)
      await there.at('sign-in') // ended from the other window
      await here.go(`${party.origin}/sign-in`)
      await here.at('application-signed-in') // this one lives on, and the consent is remembered

      await here.go(`${guichet.issuer}/account`)
      const withdraw = here.page.locator('form[action*="/account/consents/"] button')
      assert.equal(await withdraw.count(), 1)
      await withdraw.click()
      await here.at('account')
      assert.equal(await withdraw.count(), 0)
      await here.go(`${party.origin}/sign-in`)
      await here.at('consent') // asked again
    })
  }

  browsing('changes the password', async () => {
    const person = await guichet.user('password@example.org')
    await guichet.grant(person.email, world.pharmacy.code, 'adjoint')
    const window = await open({ language: 'fr', name: 'password' })
    await window.go(`${guichet.issuer}/account`)
    await window.signIn(person)
    await window.at('account')
    await window.go(`${guichet.issuer}/account/password`)
    await window.inspect('form')
    const next = `${person.password}-next`
    const change = async (current, fresh, again) => {
      await window.page.locator('input[name=current_password]').fill(current)
      await window.page.locator('input[name=new_password]').fill(fresh)
      await window.page.locator('input[name=repeat_password]').fill(again)
      await window.page.locator('form:has(input[name=new_password]) button[type=submit]').first().click()
    }
    await change(person.password, next, `${next}x`)
    await window.page.locator('[role=alert]').first().waitFor()
    await window.inspect('refused')
    await change(person.password, next, next)
    await window.at('account')

    const elsewhere = await open({ language: 'fr', name: 'password-new' })
    await elsewhere.go(`${guichet.issuer}/account`)
    await elsewhere.signIn(person)
    await elsewhere.page.locator('[role=alert]').first().waitFor()
    await elsewhere.signIn({ ...person, password: next })
    await elsewhere.at('account')
  })

  browsing('ends all sessions at once', async () => {
    const person = await guichet.user('all@example.org')
    await guichet.grant(person.email, world.pharmacy.code, 'adjoint')
    const here = await open({ language: 'en', name: 'all' })
    const there = await open({ language: 'fr', name: 'all-there' })
    for (const window of [here, there]) {
      await window.go(`${guichet.issuer}/account`)
      await window.signIn(person)
      await window.at('account')
    }
    await there.page.locator('#end-all').click()
    await there.at('signed-out')
    await there.inspect('signed-out')
    for (const window of [here, there]) {
      await window.go(`${guichet.issuer}/account`)
      await window.at('sign-in')
    }
  })
})

describe('other pages', () => {
  for (const language of ['fr', 'en']) {
    browsing(`the front page and a page that is not there, in ${language}`, async () => {
      const window = await open({ language, name: `other-${language}` })
      await window.go(`${guichet.issuer}/`)
      await window.inspect('home')
      await window.go(`${guichet.issuer}/nothing-here`)
      await window.inspect('missing')
    })
  }
})
