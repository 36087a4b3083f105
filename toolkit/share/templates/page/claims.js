// Shows what a quoted number is a number of, in a card beside it: under the pointer, at the focus, or after a tap.
(() => {
  const WAIT = 200; // ms to move from a number to its card
  let link;
  let card;
  let timer;

  function close() {
    clearTimeout(timer);
    card?.remove();
    link?.setAttribute('aria-expanded', 'false');
    card = link = undefined;
  }

  function closeSoon() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const near = [link, card].some((part) => part?.matches(':hover') || part?.contains(document.activeElement));
      if (!near) close();
    }, WAIT);
  }

  /** The claim's facts, with a way to the cell that states them. */
  function facts(name) {
    const list = document.getElementById(name).cloneNode(true);
    list.removeAttribute('id');
    const row = list.appendChild(document.createElement('div'));
    row.appendChild(document.createElement('dt')).textContent = 'computed';
    const way = row.appendChild(document.createElement('dd')).appendChild(document.createElement('a'));
    way.href = `#${name}`;
    way.textContent = 'in this cell';
    way.addEventListener('click', () => {
      document.getElementById(name).closest('details').open = true;
      close();
    });
    return list;
  }

  function show(next) {
    clearTimeout(timer);
    if (next === link) return;
    close();
    link = next;
    card = document.createElement('div');
    card.className = 'claim-card';
    card.append(facts(link.hash.slice(1)));
    card.addEventListener('pointerleave', closeSoon);
    card.addEventListener('focusout', closeSoon);
    link.after(card); // so that the next tab leads into it
    link.setAttribute('aria-expanded', 'true');
    const { left, bottom } = link.getClientRects()[0];
    const room = document.documentElement.clientWidth - card.offsetWidth - 8;
    card.style.left = `${Math.max(8, Math.min(left, room)) + window.scrollX}px`;
    card.style.top = `${bottom + window.scrollY}px`;
  }

  document.querySelectorAll('a.claim').forEach((number) => {
    const list = document.getElementById(number.hash.slice(1));
    if (!list) return;
    number.setAttribute('aria-describedby', list.id); // in place of the title, which would cover the card
    number.setAttribute('aria-expanded', 'false');
    number.removeAttribute('title');
    number.addEventListener('pointerenter', (event) => event.pointerType === 'mouse' && show(number));
    number.addEventListener('pointerleave', closeSoon);
    number.addEventListener('focus', () => show(number));
    number.addEventListener('blur', closeSoon);
    number.addEventListener('click', (event) => {
      event.preventDefault();
      show(number);
    });
  });
  document.addEventListener('keydown', (event) => event.key === 'Escape' && close());
  document.addEventListener('pointerdown', (event) => {
    if (card && !card.contains(event.target) && !link.contains(event.target)) close();
  });
})();
