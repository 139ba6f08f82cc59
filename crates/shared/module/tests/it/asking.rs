use module::{Module, assemble};

use crate::shop::{Boss, Clerk, Order, Sell, infrastructure, office, options, shop};

#[tokio::test]
async fn a_service_asks_another_module_that_its_own_has_named() {
    let cx = testing::context(&["shop:sell"]);
    let shop = || shop().serves::<Sell, Clerk>();
    let application =
        async |office: Module| assemble(vec![shop(), office], infrastructure(), options()).await.unwrap().answering();
    let named = application(office().serves::<Order, Boss>().asks::<Sell>()).await;
    named.requests.ask(&cx, Order).await.unwrap();
    let unnamed = application(office().serves::<Order, Boss>()).await;
    assert_eq!(unnamed.requests.ask(&cx, Order).await.unwrap_err().code(), "request.undeclared");
}
