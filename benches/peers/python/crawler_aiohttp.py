"""The crawl with asyncio, aiohttp and BeautifulSoup over lxml: as many workers as requests may be in flight."""

import asyncio
import json
from urllib.parse import urldefrag, urljoin, urlsplit

import aiohttp
from bs4 import BeautifulSoup, SoupStrainer

from peer import Contender, serve

# Everything else need not become objects.
WANTED = SoupStrainer(["title", "a"])


def address(url):
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def read_page(url, body):
    page = BeautifulSoup(body, "lxml", parse_only=WANTED)
    title = page.title.get_text().strip() if page.title else ""
    links = (urldefrag(urljoin(url, anchor["href"])).url for anchor in page.find_all("a", href=True))
    origin = urlsplit(url)[:2]
    return title, [link for link in links if urlsplit(link)[:2] == origin]


async def crawl(start, in_flight):
    pages, seen, queue = [], {address(start)}, asyncio.Queue()
    queue.put_nowait(start)

    async def work(session):
        while True:
            url = await queue.get()
            async with session.get(url, allow_redirects=False) as response:
                response.raise_for_status()
                body = await response.read()
            title, links = read_page(url, body)
            pages.append((address(url), title, sorted({address(link) for link in links})))
            for link in links:
                if address(link) not in seen:
                    seen.add(address(link))
                    queue.put_nowait(link)
            queue.task_done()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as session:
        workers = [asyncio.create_task(work(session)) for _ in range(in_flight)]
        done = asyncio.create_task(queue.join())
        # A worker that fails must not leave the others waiting for ever.
        await asyncio.wait([done, *workers], return_when=asyncio.FIRST_COMPLETED)
        for worker in workers:
            if worker.done():
                worker.result()
            worker.cancel()
    return pages


class Crawl(Contender):
    def __init__(self, threads, size, seed, input):
        with open(input, encoding="ascii") as file:
            self.start = file.read().strip()
        self.in_flight = threads
        self.loop = asyncio.new_event_loop()

    def run(self):
        return self.loop.run_until_complete(crawl(self.start, self.in_flight))

    def write(self, output, file):
        with open(file, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(page) + "\n" for page in output)

    def close(self):
        self.loop.close()


serve(Crawl, ["aiohttp", "beautifulsoup4", "lxml"])
