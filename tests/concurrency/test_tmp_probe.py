from tests.concurrency.together import *
from tests.concurrency.together import THREADS
from tests.factories import *
def test_probe(db, crowd):
    shop = make_shop(db)
    make_pin(db, merchant_id=shop.merchant_id)
    cards=[make_card(db, shop=shop) for _ in range(8)]
    out = crowd.do([service_earn(c) for c in cards])
    print(len(out.written), [r.code for r in out.refusals])
    assert 0
